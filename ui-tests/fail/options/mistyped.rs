#[larder::cached(kidn = "ai")]
async fn one(id: u32) -> u32 {
    id
}

#[larder::cached(verison = 2)]
async fn two(id: u32) -> u32 {
    id
}

#[larder::cached(unles = |it| *it == 0)]
async fn three(id: u32) -> u32 {
    id
}

#[larder::cached(cacheif = |it| *it > 0)]
async fn four(id: u32) -> u32 {
    id
}

#[larder::cached(shred)]
async fn five(id: u32) -> u32 {
    id
}

#[larder::cached(opp = "a")]
async fn six(id: u32) -> u32 {
    id
}

#[larder::cached(TTL = "1h")]
async fn seven(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (one(1), two(1), three(1), four(1), five(1), six(1), seven(1));
}
