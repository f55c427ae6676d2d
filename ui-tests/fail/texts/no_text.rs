use std::sync::Arc;

type Article = String;

#[larder::cached(text = id)]
async fn number(id: u32) -> u32 {
    id
}

#[larder::cached(text = article)]
async fn optional(article: Option<&str>) -> usize {
    article.map_or(0, str::len)
}

#[larder::cached(text = bytes)]
async fn bytes(bytes: &[u8]) -> usize {
    bytes.len()
}

#[larder::cached(text = article)]
async fn alias(article: Article) -> usize {
    article.len()
}

#[larder::cached(text = article)]
async fn shared(article: Arc<String>) -> usize {
    article.len()
}

#[larder::cached(text = left)]
async fn part((left, right): (&str, &str)) -> usize {
    left.len() + right.len()
}

fn main() {
    let _ = (number(1), optional(None), bytes(&[]), part(("a", "b")));
    let _ = (alias(String::new()), shared(Arc::default()));
}
