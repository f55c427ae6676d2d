#[derive(Debug)]
pub struct Failure;

#[larder::cached]
async fn mistyped(id: u32) -> u64 {
    id + 1
}

#[larder::cached]
async fn discarded(id: u32) -> u32 {
    id + 1;
}

#[larder::cached]
async fn unconverted(digits: &str) -> Result<u32, Failure> {
    let number: u32 = digits.parse()?;
    Ok(number)
}

#[larder::cached]
async fn returned(id: u32) -> Option<u32> {
    if id == 0 {
        return 0;
    }
    Some(id)
}

fn main() {
    let _ = (mistyped(1), discarded(1), unconverted("1"), returned(1));
}
