#[larder::cached(cache_if = |_| id > 0)]
async fn by_value(id: u32) -> u32 {
    id
}

#[larder::cached(unless = |_| names.is_empty())]
async fn consumed(names: Vec<String>) -> String {
    names.into_iter().collect()
}

fn main() {
    let _ = (by_value(1), consumed(vec![]));
}
