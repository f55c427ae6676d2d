#[larder::cached(tokens = |text| text.len() as f64)]
async fn float(id: u32) -> String {
    id.to_string()
}

#[larder::cached(cost = |text| text.len())]
async fn integer(id: u32) -> String {
    id.to_string()
}

#[larder::cached(cost = |text| Some(0.5))]
async fn perhaps(id: u32) -> Result<String, String> {
    Ok(id.to_string())
}

fn main() {
    let _ = (float(1), integer(1), perhaps(1));
}
