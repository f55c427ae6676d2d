use std::future::Future;
use std::pin::Pin;

struct Library;

trait Named {
    fn name<'a>(&'a self, id: u32) -> Pin<Box<dyn Future<Output = String> + Send + 'a>>;
}

// As `#[async_trait]` writes it.
impl Named for Library {
    #[larder::cached(ttl = 60, skip(slf))]
    fn name<'a>(&'a self, id: u32) -> Pin<Box<dyn Future<Output = String> + Send + 'a>> {
        Box::pin(async move { id.to_string() })
    }
}

#[larder::cached(version = [1])]
fn plain(id: u32) -> impl Future<Output = String> {
    async move { id.to_string() }
}

async fn all() -> String {
    Library.name(1).await + &plain(1).await
}

fn main() {
    let _ = all();
}
