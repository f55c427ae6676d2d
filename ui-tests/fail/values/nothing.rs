#[larder::cached]
async fn notify(user: u32) {
    println!("{user}");
}

#[larder::cached]
async fn notify_all() -> () {}

#[larder::cached]
async fn serve(port: u16) -> ! {
    panic!("{port}")
}

fn main() {
    let _ = (notify(1), notify_all(), serve(1));
}
