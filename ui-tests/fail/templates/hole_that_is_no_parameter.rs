#[larder::cached(key = "user:{idd}")]
async fn template(id: u32) -> u32 {
    id
}

fn main() {
    let _ = template(1);
}
