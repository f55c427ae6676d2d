#[larder::cached(ttl = lifetime)]
async fn local(id: u32) -> u32 {
    let lifetime = std::time::Duration::from_secs(60);
    println!("{lifetime:?}");
    id
}

#[larder::cached(ttl = std::time::Duration::from_secs(answer.secs))]
async fn value(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (local(1), value(1));
}
