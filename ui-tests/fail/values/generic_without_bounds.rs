#[larder::cached]
async fn repeated<T: Clone>(#[allow(unused)] id: u32) -> Vec<T> {
    Vec::new()
}

#[larder::cached]
async fn wrapped<T>(id: u32) -> Result<Option<T>, String> {
    Err(id.to_string())
}

fn main() {
    let _ = (repeated::<u32>(1), wrapped::<u32>(1));
}
