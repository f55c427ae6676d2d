trait Named {
    fn name(&self) -> String;
}

#[larder::cached]
async fn title(named: &(dyn Named + Sync)) -> String {
    named.name()
}

#[larder::cached]
async fn applied(apply: impl Fn(u32) -> u32, n: u32) -> u32 {
    apply(n)
}

struct User;

impl Named for User {
    fn name(&self) -> String {
        "Ada".to_owned()
    }
}

fn main() {
    let _ = (title(&User), applied(|n| n * 2, 1));
}
