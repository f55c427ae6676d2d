// The vocabulary of the crate `memoize`.
use larder::cached as memoize;

#[memoize(Capacity: 123, TimeToLive: Duration::from_secs(2))]
async fn bounded(id: u32) -> u32 {
    id
}

#[memoize(SharedCache, Ignore: connection)]
async fn ignoring(connection: &str, id: u32) -> String {
    format!("{connection}{id}")
}

#[memoize(CustomHasher: FxHashMap, HasherInit: FxHashMap::default())]
async fn hashed(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (bounded(1), ignoring("a", 1), hashed(1));
}
