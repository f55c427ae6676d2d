struct Untold;

#[derive(larder::Options)]
struct Unwritten {
    model: String,
    untold: Untold,
    #[options(skip)]
    skipped: Untold,
}

#[derive(larder::Options)]
struct Unknown {
    #[options(ignore)]
    one: u8,
    #[options]
    two: u8,
    #[options(skip, count)]
    three: u8,
    #[options = "skip"]
    four: u8,
    #[options(skip = true)]
    five: u8,
}

#[derive(larder::Options)]
#[options(skip)]
struct Whole {
    one: u8,
}

fn main() {}
