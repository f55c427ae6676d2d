#[larder::cached(key = "user:{idd}")]
async fn template(id: u32) -> u32 {
    id
}

#[larder::cached(key = (id, pge))]
async fn expression(id: u32, page: u32) -> u32 {
    id + page
}

fn main() {
    let _ = (template(1), expression(1, 2));
}
