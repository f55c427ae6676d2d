struct Unlike;

#[larder::cached(err_ttl = "1m")]
async fn one(id: u32) -> Result<u32, Unlike> {
    Ok(id)
}

#[larder::cached(share_errors)]
async fn two(id: u32) -> Result<u32, Unlike> {
    Ok(id)
}

#[larder::cached(timeout(hard = "1s"))]
async fn three(id: u32) -> Result<u32, Unlike> {
    Ok(id)
}

#[larder::cached(share_errors)]
async fn four(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (one(1), two(1), three(1), four(1));
}
