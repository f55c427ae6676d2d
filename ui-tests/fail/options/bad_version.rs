#[larder::cached(version = "")]
async fn empty(id: u32) -> u32 {
    id
}

#[larder::cached(version = 1.5)]
async fn fraction(id: u32) -> u32 {
    id
}

#[larder::cached(version)]
async fn without_its_value(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (empty(1), fraction(1), without_its_value(1));
}
