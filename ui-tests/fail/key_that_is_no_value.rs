#[larder::cached(key = |id: u32| id)]
async fn closure(id: u32) -> u32 {
    id
}

#[larder::cached(key = (id, lookup(id).await))]
async fn waiting(id: u32) -> u32 {
    lookup(id).await
}

async fn lookup(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (closure(1), waiting(1));
}
