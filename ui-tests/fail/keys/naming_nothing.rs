#[larder::cached(key = (id, pge))]
async fn expression(id: u32, page: u32) -> u32 {
    id + page
}

#[larder::cached(key = total)]
async fn local(id: u32) -> u32 {
    let total = id * 2;
    total
}

#[larder::cached(key)]
async fn missing(id: u32) -> u32 {
    id
}

#[larder::cached(key =, ttl = "1h")]
async fn empty(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (expression(1, 2), local(1), missing(1), empty(1));
}
