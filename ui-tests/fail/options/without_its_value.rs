#[larder::cached(ttl)]
async fn bare(id: u32) -> u32 {
    id
}

#[larder::cached(kind =, op = "a")]
async fn unfinished(id: u32) -> u32 {
    id
}

#[larder::cached(ttl =)]
async fn last(id: u32) -> u32 {
    id
}

#[larder::cached(unless)]
async fn condition(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (bare(1), unfinished(1), last(1), condition(1));
}
