use larder::cached;

#[cached(skip(id))]
async fn one(id: u32) -> u32 {
    id
}

#[cached(skip(left, right))]
async fn two((left, right): (u32, u32)) -> u32 {
    left + right
}

struct Library;

impl Library {
    #[cached(skip(self))]
    async fn opened(&self) -> u32 {
        1
    }

    #[cached(skip(page, self))]
    async fn page(&self, page: u32) -> u32 {
        page
    }
}

fn main() {
    let _ = (one(1), two((1, 2)), Library.opened(), Library.page(1));
}
