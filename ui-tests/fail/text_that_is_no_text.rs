#[larder::cached(text = id)]
async fn number(id: u32) -> u32 {
    id
}

#[larder::cached(text = name, skip(name))]
async fn skipped(id: u32, name: &str) -> String {
    format!("{id}{name}")
}

#[larder::cached(text = artcle)]
async fn mistyped(article: &str) -> usize {
    article.len()
}

fn main() {
    let _ = (number(1), skipped(1, "a"), mistyped("a"));
}
