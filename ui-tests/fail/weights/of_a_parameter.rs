#[larder::cached(weight = |text| text.len() * factor)]
async fn one(factor: usize) -> String {
    factor.to_string()
}

fn main() {
    let _ = one(1);
}
