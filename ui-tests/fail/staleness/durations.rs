#[larder::cached(none_ttl = 60)]
async fn one(id: u32) -> Option<u32> {
    Some(id)
}

#[larder::cached(err_ttl = "soon")]
async fn two(id: u32) -> Result<u32, String> {
    Ok(id)
}

#[larder::cached(stale_while_revalidate = "0s")]
async fn three(id: u32) -> u32 {
    id
}

#[larder::cached(stale_if_error = "2y")]
async fn four(id: u32) -> Result<u32, String> {
    Ok(id)
}

#[larder::cached(stale_if_error)]
async fn five(id: u32) -> Result<u32, String> {
    Ok(id)
}

fn main() {
    let _ = (one(1), two(1), three(1), four(1), five(1));
}
