struct Users;

#[larder::cached(ttl = "1h")]
impl Users {
    async fn name(id: u32) -> String {
        id.to_string()
    }
}

fn main() {
    let _ = Users::name(1);
}
