#[larder::cached(text = "article")]
async fn quoted(article: &str) -> usize {
    article.len()
}

#[larder::cached(text = article.trim())]
async fn method(article: &str) -> usize {
    article.len()
}

#[larder::cached(text)]
async fn bare(article: &str) -> usize {
    article.len()
}

#[larder::cached(text = (a, b))]
async fn two(a: &str, b: &str) -> usize {
    a.len() + b.len()
}

fn main() {
    let _ = (quoted("a"), method("a"), bare("a"), two("a", "b"));
}
