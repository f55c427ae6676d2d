#[larder::cached(cache_if = |result| result.is_ok())]
async fn result(id: u32) -> Result<u32, String> {
    Ok(id)
}

#[larder::cached(unless = |it| it.is_none())]
async fn option(id: u32) -> Option<u32> {
    Some(id)
}

fn main() {
    let _ = (result(1), option(1));
}
