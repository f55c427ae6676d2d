#[derive(serde::Serialize, serde::Deserialize)]
pub struct Handle {
    id: u32,
}

#[larder::cached]
async fn open(id: u32) -> Option<Handle> {
    Some(Handle { id })
}

fn main() {
    let _ = open(1);
}
