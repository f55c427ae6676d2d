#[larder::cached(local)]
async fn open(name: &str) -> Option<&str> {
    name.split(' ').next()
}

#[larder::cached(local)]
fn reopen(name: &str) -> &str {
    name
}

fn main() {
    let _ = (open("a"), reopen("a"));
}
