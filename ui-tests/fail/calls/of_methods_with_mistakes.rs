use std::sync::Arc;

struct Library {
    id: u32,
}

impl Library {
    #[larder::cached(tll = "1h", skip(self))]
    async fn page(&self, page: u32) -> u32 {
        self.id + page
    }

    #[larder::cached(ttl = "soon", key = self.id)]
    async fn shared(self: Arc<Self>) -> u32 {
        self.id
    }
}

trait Named {
    async fn name(&self, id: u32) -> String;
}

impl Named for Library {
    #[larder::cached(kind = "", skip(self))]
    async fn name(&self, id: u32) -> String {
        id.to_string()
    }
}

async fn all() -> String {
    let library = Arc::new(Library { id: 1 });
    let sum: u32 = library.page(1).await + library.clone().shared().await;
    library.name(sum).await
}

fn main() {
    let _ = all();
}
