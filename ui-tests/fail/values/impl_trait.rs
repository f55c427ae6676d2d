#[larder::cached]
async fn names(id: u32) -> impl Iterator<Item = u32> {
    0..id
}

#[larder::cached]
async fn checked(id: u32) -> Result<impl Iterator<Item = u32> + Send, String> {
    Ok(0..id)
}

fn main() {
    let _ = (names(1), checked(1));
}
