use std::time::Duration;

fn lifetime() -> Result<Duration, String> {
    Ok(Duration::from_secs(60))
}

#[larder::cached(ttl = lifetime()?)]
async fn doubled(id: u32) -> Result<u32, String> {
    Ok(id * 2)
}

fn main() {
    let _ = doubled(1);
}
