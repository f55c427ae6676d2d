#[larder::cached(ttl)]
async fn without(id: u32) -> u32 {
    id
}

#[larder::cached(ttl = 60)]
async fn number(id: u32) -> u32 {
    id
}

#[larder::cached(skip = id)]
async fn unbracketed(id: u32) -> u32 {
    id
}

#[larder::cached(kind = "web" op = "unseparated")]
async fn unseparated(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (without(1), number(1), unbracketed(1), unseparated(1));
}
