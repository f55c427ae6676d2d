#[larder::cached(ttl = |it| u64::from(*it))]
async fn number(id: u32) -> u32 {
    id
}

#[larder::cached(ttl = |it| "1h")]
async fn text(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (number(1), text(1));
}
