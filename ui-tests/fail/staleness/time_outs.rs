#[larder::cached(timeout = "5s")]
async fn one(id: u32) -> Result<u32, larder::TimedOut> {
    Ok(id)
}

#[larder::cached(timeout())]
async fn two(id: u32) -> Result<u32, larder::TimedOut> {
    Ok(id)
}

#[larder::cached(timeout(firm = "5s"))]
async fn three(id: u32) -> Result<u32, larder::TimedOut> {
    Ok(id)
}

#[larder::cached(timeout(hard = "5s", hard = "6s"))]
async fn four(id: u32) -> Result<u32, larder::TimedOut> {
    Ok(id)
}

#[larder::cached(timeout(soft = "1s"))]
async fn five(id: u32) -> Result<u32, larder::TimedOut> {
    Ok(id)
}

#[larder::cached(stale_if_error = "1h", timeout(soft = "5s", hard = "5s"))]
async fn six(id: u32) -> Result<u32, larder::TimedOut> {
    Ok(id)
}

#[larder::cached(timeout(hard = "0s"))]
async fn seven(id: u32) -> Result<u32, larder::TimedOut> {
    Ok(id)
}

fn main() {
    let _ = (one(1), two(1), three(1), four(1), five(1), six(1), seven(1));
}
