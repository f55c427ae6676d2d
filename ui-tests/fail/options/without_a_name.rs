#[larder::cached("1h")]
async fn one(id: u32) -> u32 {
    id
}

#[larder::cached("user:{id}")]
async fn two(id: u32) -> u32 {
    id
}

#[larder::cached(60)]
async fn three(id: u32) -> u32 {
    id
}

#[larder::cached(= "1h")]
async fn four(id: u32) -> u32 {
    id
}

#[larder::cached(ttl = "1h",, kind = "web")]
async fn five(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (one(1), two(1), three(1), four(1), five(1));
}
