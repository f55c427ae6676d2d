#[larder::cached(cache_if = is_even)]
async fn function(id: u32) -> u64 {
    u64::from(id)
}

#[larder::cached(unless = is_odd)]
async fn unknown(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (function(1), unknown(1));
}

fn is_even(n: &u32) -> bool {
    n % 2 == 0
}
