#[larder::cached(key = "user:{id")]
async fn open(id: u32) -> u32 {
    id
}

#[larder::cached(key = "user:id}")]
async fn closed(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (open(1), closed(1));
}
