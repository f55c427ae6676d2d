#[larder::cached(kind = ai)]
async fn one(id: u32) -> u32 {
    id
}

#[larder::cached(kind = KIND)]
async fn two(id: u32) -> u32 {
    id
}

#[larder::cached(op = 7)]
async fn three(id: u32) -> u32 {
    id
}

#[larder::cached(op = "a" + "b")]
async fn four(id: u32) -> u32 {
    id
}

#[larder::cached(op = b"a")]
async fn five(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (one(1), two(1), three(1), four(1), five(1));
}
