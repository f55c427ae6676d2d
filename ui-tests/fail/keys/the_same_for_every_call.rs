#[larder::cached(key = "user")]
async fn template(id: u32) -> u32 {
    id
}

#[larder::cached(key = 7)]
async fn number(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (template(1), number(1));
}
