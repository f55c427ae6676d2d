#[larder::cached(ttl = 60)]
async fn one(id: u32) -> u32 {
    id
}

#[larder::cached(ttl = -1)]
async fn two(id: u32) -> u32 {
    id
}

#[larder::cached(ttl = 1.5)]
async fn three(id: u32) -> u32 {
    id
}

#[larder::cached(ttl = 60 * 60)]
async fn four(id: u32) -> u32 {
    id
}

#[larder::cached(ttl = true)]
async fn five(id: u32) -> u32 {
    id
}

#[larder::cached(ttl = 60u64)]
async fn six(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (one(1), two(1), three(1), four(1), five(1), six(1));
}
