use std::fmt::Display;

#[larder::cached]
async fn boxed(id: u32) -> Box<dyn Display + Send + Sync> {
    Box::new(id)
}

#[larder::cached]
async fn called(id: u32) -> fn(u32) -> u32 {
    if id == 0 { |n| n } else { |n| n * 2 }
}

fn main() {
    let _ = (boxed(1), called(1));
}
