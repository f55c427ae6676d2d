#[larder::cached(key = (id, pge))]
async fn expression(id: u32, page: u32) -> u32 {
    id + page
}

#[larder::cached(key = total)]
async fn local(id: u32) -> u32 {
    let total = id * 2;
    total
}

fn main() {
    let _ = (expression(1, 2), local(1));
}
