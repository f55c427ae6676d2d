#[larder::cached(tags = "users")]
async fn first(id: u32) -> u32 {
    id
}

#[larder::cached(tags())]
async fn second(id: u32) -> u32 {
    id
}

#[larder::cached(tags(users))]
async fn third(id: u32) -> u32 {
    id
}

#[larder::cached(tags("{id:?}", "{id", "{id.await}"))]
async fn fourth(id: u32) -> u32 {
    id
}

#[larder::cached(tag("users"))]
async fn fifth(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (first(1), second(2), third(3), fourth(4), fifth(5));
}
