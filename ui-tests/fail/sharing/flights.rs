#[larder::cached(single_flight = "everywhere")]
async fn one(id: u32) -> u32 {
    id
}

#[larder::cached(single_flight)]
async fn two(id: u32) -> u32 {
    id
}

#[larder::cached(single_flight = false)]
async fn three(id: u32) -> u32 {
    id
}

#[larder::cached(share_errors = true, detach = "1m")]
async fn four(id: u32) -> u32 {
    id
}

#[larder::cached(local, single_flight = "cluster")]
async fn five(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (one(1), two(1), three(1), four(1), five(1));
}
