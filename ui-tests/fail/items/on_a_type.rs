#[larder::cached]
type Name = fn(u32) -> String;

fn main() {
    let _: Name = |id| id.to_string();
}
