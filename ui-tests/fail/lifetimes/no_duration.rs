#[larder::cached(ttl = "5 parsecs")]
async fn far(n: u32) -> u32 {
    n
}

#[larder::cached(ttl = "90")]
async fn unitless(n: u32) -> u32 {
    n
}

#[larder::cached(ttl = "")]
async fn empty(n: u32) -> u32 {
    n
}

fn main() {
    let _ = (far(1), unitless(1), empty(1));
}
