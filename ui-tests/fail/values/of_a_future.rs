use std::future::Future;
use std::pin::Pin;

#[larder::cached]
fn nothing(id: u32) -> impl Future<Output = ()> {
    async move {
        println!("{id}");
    }
}

#[larder::cached]
fn borrowed<'a>(name: &'a str) -> Pin<Box<dyn Future<Output = &'a str> + Send + 'a>> {
    Box::pin(async move { name })
}

#[larder::cached]
fn nameless(id: u32) -> impl Future<Output = impl Sized> {
    async move { id }
}

fn main() {
    let _ = (nothing(1), borrowed("a"), nameless(1));
}
