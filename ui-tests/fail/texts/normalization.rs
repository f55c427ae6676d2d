#[larder::cached(normalize = "lowercase")]
async fn unknown(text: &str) -> usize {
    text.len()
}

#[larder::cached(normalize = trim)]
async fn without_quotes(text: &str) -> usize {
    text.len()
}

#[larder::cached(normalize)]
async fn without_its_value(text: &str) -> usize {
    text.len()
}

#[larder::cached(normalize = "trim")]
async fn without_a_text(article: &str) -> usize {
    article.len()
}

#[larder::cached(kind = "ai", normalize = "unicode")]
async fn several_texts(one: &str, other: &str) -> usize {
    one.len() + other.len()
}

#[larder::cached(normalize = "trim", skip(text))]
async fn skipped(text: &str, id: u32) -> usize {
    text.len() + id as usize
}

#[larder::cached(normalize = "trim", key = text.len())]
async fn beside_a_key(text: &str) -> usize {
    text.len()
}

#[larder::cached(normalise = "trim")]
async fn misspelled(text: &str) -> usize {
    text.len()
}

fn main() {
    let _ = (unknown(""), without_quotes(""), without_its_value(""));
    let _ = (without_a_text(""), several_texts("", ""), skipped("", 1));
    let _ = (beside_a_key(""), misspelled(""));
}
