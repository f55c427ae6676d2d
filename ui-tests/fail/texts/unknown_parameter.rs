#[larder::cached(text = artcle)]
async fn mistyped(article: &str) -> usize {
    article.len()
}

#[larder::cached(text = self)]
async fn receiver(article: &str) -> usize {
    article.len()
}

fn main() {
    let _ = (mistyped("a"), receiver("a"));
}
