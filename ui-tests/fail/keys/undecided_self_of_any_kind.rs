use std::sync::Arc;

struct Library {
    id: u32,
}

impl Library {
    #[larder::cached]
    async fn by_value(self, page: u32) -> u32 {
        self.id + page
    }

    #[larder::cached]
    async fn by_unique_reference(&mut self, page: u32) -> u32 {
        self.id += page;
        self.id
    }

    #[larder::cached]
    async fn behind_an_arc(self: Arc<Self>, page: u32) -> u32 {
        self.id + page
    }

    #[larder::cached(skip(page))]
    async fn with_others_skipped(&self, page: u32) -> u32 {
        self.id + page
    }
}

fn main() {
    let mut library = Library { id: 1 };
    let _ = library.by_unique_reference(1);
    let _ = library.with_others_skipped(1);
    let _ = library.by_value(1);
    let _ = Arc::new(Library { id: 1 }).behind_an_arc(1);
}
