#[larder::cached]
async fn first(_: u32, (id, _): (u32, u32)) -> u32 {
    id
}

fn main() {
    let _ = first(1, (2, 3));
}
