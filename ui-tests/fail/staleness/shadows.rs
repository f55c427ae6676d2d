#[larder::cached(shadow = 1)]
async fn one(id: u32) -> u32 {
    id
}

#[larder::cached(shadow = 0.0)]
async fn two(id: u32) -> u32 {
    id
}

#[larder::cached(shadow = 1.5)]
async fn three(id: u32) -> u32 {
    id
}

#[larder::cached(shadow = 0.5, local)]
async fn four(id: u32) -> u32 {
    id
}

#[larder::cached(shadow = 0.5, skip(log))]
async fn five(id: u32, log: &dyn Fn()) -> u32 {
    log();
    id
}

fn main() {
    let _ = (one(1), two(1), three(1), four(1), five(1, &|| {}));
}
