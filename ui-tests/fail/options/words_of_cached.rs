// The vocabulary of the crate `cached`.
use larder::cached;

#[cached(name = "USERS", time = 60, size = 100)]
async fn sized(id: u32) -> u32 {
    id
}

#[cached(unbound, sync_writes = "by_key", time_refresh = true)]
async fn unbound(id: u32) -> u32 {
    id
}

#[cached(
    ty = "SizedCache<String, u32>",
    create = "{ SizedCache::with_size(100) }",
    convert = r#"{ format!("{id}") }"#
)]
async fn converted(id: u32) -> u32 {
    id
}

#[cached(result = true, with_cached_flag = true, cache_err = true)]
async fn fallible(id: u32) -> Result<u32, String> {
    Ok(id)
}

#[cached(option = true, force_refresh = { id == 0 }, expires = true)]
async fn optional(id: u32) -> Option<u32> {
    Some(id)
}

#[cached(
    map_error = r#"|error| format!("{error}")"#,
    redis = true,
    disk = true,
    cache_prefix_block = "{ \"users\" }"
)]
async fn stored(id: u32) -> Result<u32, String> {
    Ok(id)
}

struct Users;

impl Users {
    #[cached(in_impl = true, convert = "{ id }", ttl_secs = 60)]
    async fn name(&self, id: u32) -> u32 {
        id
    }
}

fn main() {
    let _ = (sized(1), unbound(1), converted(1), fallible(1));
    let _ = (optional(1), stored(1), Users.name(1));
}
