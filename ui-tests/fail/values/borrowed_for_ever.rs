#[larder::cached]
async fn first(n: usize) -> &'static str {
    ["a", "b"][n]
}

#[larder::cached]
async fn second(n: usize) -> Result<Vec<&'static str>, &'static str> {
    if n > 0 { Ok(vec!["a", "b"]) } else { Err("none") }
}

fn main() {
    let _ = (first(1), second(1));
}
