#[larder::cached(ttl = "1h")]
pub(crate) trait Users {
    async fn name(&self, id: u32) -> String {
        id.to_string()
    }
}

struct All;

impl Users for All {}

fn main() {
    let _ = All.name(1);
}
