#[larder::cached(key = (id, lookup(id).await))]
async fn expression(id: u32) -> u32 {
    lookup(id).await
}

#[larder::cached(key = "user:{lookup(id).await}")]
async fn template(id: u32) -> u32 {
    lookup(id).await
}

fn main() {
    let _ = (expression(1), template(1));
}

async fn lookup(id: u32) -> u32 {
    id
}
