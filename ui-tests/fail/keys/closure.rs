#[larder::cached(key = |id: u32| id)]
async fn closure(id: u32) -> u32 {
    id
}

fn main() {
    let _ = closure(1);
}
