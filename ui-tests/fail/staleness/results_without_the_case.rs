#[larder::cached(none_ttl = "1m")]
async fn one(id: u32) -> u32 {
    id
}

#[larder::cached(err_ttl = "1m")]
async fn two(id: u32) -> Option<u32> {
    Some(id)
}

#[larder::cached(timeout(hard = "1s"))]
async fn three(id: u32) -> u32 {
    id
}

#[larder::cached(value = plain, none_ttl = "1m")]
async fn four(id: u32) -> Option<u32> {
    Some(id)
}

#[larder::cached(value = plain, stale_if_error = "1m", err_ttl = "1m")]
async fn five(id: u32) -> Result<u32, String> {
    Ok(id)
}

#[larder::cached(stale_if_error = "1m")]
async fn six(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (one(1), two(1), three(1), four(1), five(1), six(1));
}
