#[larder::cached(key = { if id > 10 { return; } id })]
async fn doubled(id: u32) -> u32 {
    id * 2
}

fn main() {
    let _ = doubled(1);
}
