#[larder::cached(op = "a", shared = true)]
async fn with_a_value(id: u32) -> u32 {
    id
}

#[larder::cached(op = "b", shared(with_a_value))]
async fn with_a_list(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (with_a_value(1), with_a_list(1));
}
