#[larder::cached(tags("user:{id}"))]
async fn name(id: Option<u32>) -> String {
    format!("{id:?}")
}

fn main() {
    let _ = name(Some(1));
}
