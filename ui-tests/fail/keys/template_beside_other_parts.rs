#[larder::cached(key = ("user:{id}", page))]
async fn page(id: u32, page: u32) -> u32 {
    id + page
}

fn main() {
    let _ = page(1, 2);
}
