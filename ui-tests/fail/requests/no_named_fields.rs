#[derive(larder::Options)]
enum Model {
    Small,
    Large { layers: u8 },
}

#[derive(larder::Options)]
struct Pair(String, u8);

#[derive(larder::Options)]
union Either {
    one: u8,
    other: i8,
}

fn main() {}
