use std::sync::Arc;

pub struct Handle {
    id: u32,
}

#[larder::cached]
async fn open(id: u32) -> Arc<Handle> {
    Arc::new(Handle { id })
}

#[larder::cached]
async fn reopen(id: u32) -> Result<Option<Arc<Handle>>, String> {
    Ok(Some(Arc::new(Handle { id })))
}

fn main() {
    let _ = (open(1), reopen(1));
}
