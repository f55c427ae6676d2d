use larder::cached;

// Spring's `@Cacheable`.
#[cached(cacheNames = "users", keyGenerator = "byId", condition = "#id > 0", sync = true)]
async fn spring(id: u32) -> u32 {
    id
}

// `functools.lru_cache`.
#[cached(maxsize = 128, typed = True)]
async fn functools(id: u32) -> u32 {
    id
}

struct Users;

impl Users {
    // `aiocache.cached`.
    #[cached(alias = "users", namespace = "main", key_builder = by_id, noself = True, serializer = Json())]
    async fn aiocache(&self, id: u32) -> u32 {
        id
    }
}

// What nobody has to say.
#[cached(async, expire = 60, skip_if = |it| *it == 0, compression = true, secure)]
async fn others(id: u32) -> u32 {
    id
}

fn main() {
    let _ = (spring(1), functools(1), Users.aiocache(1), others(1));
}
