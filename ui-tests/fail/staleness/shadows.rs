#[larder::cached(shadow = 2)]
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

#[larder::cached(shadow = -0.5)]
async fn six(id: u32) -> u32 {
    id
}

#[larder::cached(shadow)]
async fn seven(id: u32) -> u32 {
    id
}

#[larder::cached(local, shadow = 0.5)]
fn eight(id: u32) -> u32 {
    id
}

struct NoCopies;

#[larder::cached(shadow = 0.5, skip(what))]
async fn nine(id: u32, what: &NoCopies) -> u32 {
    let NoCopies = what;
    id
}

fn main() {
    let _ = (one(1), two(1), three(1), four(1), five(1, &|| {}));
    let _ = (six(1), seven(1), eight(1), nine(1, &NoCopies));
}
