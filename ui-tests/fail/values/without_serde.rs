#[derive(Clone)]
pub struct Handle {
    id: u32,
}

#[larder::cached]
async fn open(id: u32) -> Result<Vec<Handle>, String> {
    Ok(vec![Handle { id }])
}

#[larder::cached]
async fn reopen(id: u32) -> Handle {
    Handle { id }
}

fn main() {
    let _ = (open(1), reopen(1));
}
