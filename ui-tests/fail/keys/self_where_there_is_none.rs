#[larder::cached(key = "{self.id}")]
async fn template(id: u32) -> u32 {
    id
}

#[larder::cached(key = self.id)]
async fn expression(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (template(1), expression(1));
}
