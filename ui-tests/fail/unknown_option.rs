#[larder::cached(tll = "1h")]
async fn mistyped(id: u32) -> u32 {
    id
}

#[larder::cached(time = 60)]
async fn elsewhere(id: u32) -> u32 {
    id
}

#[larder::cached(colour = "red", kind = "web")]
async fn unheard_of(id: u32) -> u32 {
    id
}

#[larder::cached("1h")]
async fn nameless(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (mistyped(1), elsewhere(1), unheard_of(1), nameless(1));
}
