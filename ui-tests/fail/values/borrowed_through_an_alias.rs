use std::borrow::Cow;

type First<'a> = Option<&'a str>;

#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub struct Title<'a> {
    text: &'a str,
}

#[larder::cached]
async fn alias(text: &str) -> First<'_> {
    text.split(' ').next()
}

#[larder::cached]
async fn named(text: &str) -> Title<'_> {
    Title { text }
}

#[larder::cached]
async fn perhaps(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

fn main() {
    let _ = (alias("a b"), named("a"), perhaps("a"));
}
