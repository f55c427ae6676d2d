use std::cell::RefCell;
use std::sync::Arc;

#[larder::cached]
async fn shared(names: Arc<Vec<String>>) -> usize {
    names.len()
}

#[larder::cached]
async fn pointed(path: &std::process::Command) -> String {
    format!("{path:?}")
}

#[larder::cached]
async fn called(double: fn(u32) -> u32) -> u32 {
    double(1)
}

#[larder::cached]
async fn changing(names: &RefCell<std::time::Instant>) -> String {
    format!("{names:?}")
}

fn main() {
    let now = RefCell::new(std::time::Instant::now());
    let _ = (shared(Arc::default()), called(|n| n * 2), changing(&now));
    let _ = pointed(&std::process::Command::new("ls"));
}
