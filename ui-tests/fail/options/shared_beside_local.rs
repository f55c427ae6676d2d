#[larder::cached(op = "a", shared, local)]
async fn both(id: u32) -> u32 {
    id
}

#[larder::cached(local, shared)]
async fn reversed_(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (both(1), reversed_(1));
}
