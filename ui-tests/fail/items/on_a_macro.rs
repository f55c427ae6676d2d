#[larder::cached]
macro_rules! double {
    ($n:expr) => {
        $n * 2
    };
}

fn main() {
    let _ = double!(1);
}
