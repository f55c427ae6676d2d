macro_rules! doubling {
    ($name:ident) => {
        async fn $name(n: u32) -> u32 {
            n * 2
        }
    };
}

#[larder::cached]
doubling! { double }

fn main() {
    let _ = double(1);
}
