#[larder::cached(weight = |text| text.len() as f64)]
async fn one(id: u32) -> String {
    id.to_string()
}

#[larder::cached(weight = |text| -1_i64)]
async fn two(id: u32) -> String {
    id.to_string()
}

fn main() {
    let _ = (one(1), two(1));
}
