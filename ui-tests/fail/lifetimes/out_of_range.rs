#[larder::cached(ttl = "0s")]
async fn one(id: u32) -> u32 {
    id
}

#[larder::cached(ttl = "-1s")]
async fn two(id: u32) -> u32 {
    id
}

#[larder::cached(ttl = "999ms")]
async fn three(id: u32) -> u32 {
    id
}

#[larder::cached(ttl = "2 years")]
async fn four(id: u32) -> u32 {
    id
}

#[larder::cached(ttl = "99999999999999999999s")]
async fn five(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (one(1), two(1), three(1), four(1), five(1));
}
