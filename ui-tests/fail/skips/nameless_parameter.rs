#[larder::cached(skip(_))]
async fn nameless(_: u32, id: u32) -> u32 {
    id
}

fn main() {
    let _ = nameless(1, 2);
}
