struct Library {
    id: u32,
}

impl Library {
    #[larder::cached(ttl = "1h")]
    async fn page(&self, page: u32) -> String {
        format!("{page} of {}", self.id)
    }
}

fn main() {
    let _ = Library { id: 1 }.page(1);
}
