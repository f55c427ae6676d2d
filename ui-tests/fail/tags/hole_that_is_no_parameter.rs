#[larder::cached(tags("user:{user}"))]
async fn name(id: u32) -> String {
    id.to_string()
}

fn main() {
    let _ = name(1);
}
