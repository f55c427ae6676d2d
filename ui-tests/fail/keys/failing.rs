#[larder::cached(key = digits.parse::<u32>()?)]
async fn expression(digits: &str) -> Result<u32, std::num::ParseIntError> {
    digits.parse()
}

#[larder::cached(key = "user:{digits.parse::<u32>()?}")]
async fn template(digits: &str) -> Result<u32, std::num::ParseIntError> {
    digits.parse()
}

fn main() {
    let _ = (expression("1"), template("1"));
}
