#[larder::cached(ttl = |id, it| larder::Ttl::Never)]
async fn two(id: u32) -> u32 {
    id
}

#[larder::cached(ttl = || larder::Ttl::Never)]
async fn none(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (two(1), none(1));
}
