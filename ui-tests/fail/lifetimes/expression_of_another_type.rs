#[larder::cached(ttl = secs)]
async fn number(id: u32, secs: u64) -> u32 {
    id + u32::try_from(secs).unwrap_or(0)
}

#[larder::cached(ttl = "1h".to_owned())]
async fn text(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (number(1, 60), text(1));
}
