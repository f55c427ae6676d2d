use std::future::Future;

#[larder::cached(local, detach)]
fn one(id: u32) -> u32 {
    id
}

#[larder::cached(local, timeout(hard = "5s"))]
fn two(id: u32) -> Result<u32, larder::TimedOut> {
    Ok(id)
}

#[larder::cached(local, single_flight = "off")]
fn three(id: u32) -> u32 {
    id
}

#[larder::cached(stale_while_revalidate = "1m")]
fn four(id: u32) -> impl Future<Output = u32> {
    let id = id + 1;
    async move { id }
}

fn main() {
    let _ = (one(1), two(1), three(1), four(1));
}
