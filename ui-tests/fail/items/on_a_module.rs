#[larder::cached]
mod users {
    pub async fn name(id: u32) -> String {
        id.to_string()
    }
}

fn main() {
    let _ = users::name(1);
}
