#[larder::cached(op = "double")]
#[larder::cached(kind = "ai")]
async fn double(n: u64) -> u64 {
    n * 2
}

fn main() {
    let _ = double(1);
}
