#[larder::cached(colour = "red", kind = "web")]
async fn one(id: u32) -> u32 {
    id
}

#[larder::cached(x)]
async fn two(id: u32) -> u32 {
    id
}

#[larder::cached(_)]
async fn three(id: u32) -> u32 {
    id
}

#[larder::cached(r#fn = 1)]
async fn four(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (one(1), two(1), three(1), four(1));
}
