//! The cache itself, with bodies that go on until they are told how to end.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use larder::call;
use larder::testing::ManualClock;
use larder::{Cache, Reach, cached};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::observed::{Counts, Ended, Found, Observed};
use crate::steps::{Answer, Caller, Ending, Function, Key, Scope, Tenant, Time, Verb, Way};
use crate::support::map_store::MapStore;
use crate::support::roomy;

#[cached(kind = "model", op = "plain", ttl = "100s", skip(caller))]
async fn plain(_id: u8, caller: Caller) -> Answer {
    body(caller).await
}

#[cached(
    kind = "model",
    op = "tagged",
    ttl = "100s",
    skip(caller),
    tags("t:{id}")
)]
async fn tagged(id: u8, caller: Caller) -> Answer {
    body(caller).await
}

#[cached(
    kind = "model",
    op = "negative",
    ttl = "100s",
    none_ttl = "40s",
    err_ttl = "20s",
    skip(caller)
)]
async fn negative(_id: u8, caller: Caller) -> Answer {
    body(caller).await
}

#[cached(
    kind = "model",
    op = "guarded",
    ttl = "100s",
    stale_if_error = "200s",
    skip(caller),
    tags("t:{id}")
)]
async fn guarded(id: u8, caller: Caller) -> Answer {
    body(caller).await
}

#[cached(
    kind = "model",
    op = "revalidated",
    ttl = "100s",
    stale_while_revalidate = "50s",
    skip(caller)
)]
async fn revalidated(_id: u8, caller: Caller) -> Answer {
    body(caller).await
}

#[cached(
    kind = "model",
    op = "ahead",
    ttl = "100s",
    refresh_ahead = 0.5,
    skip(caller)
)]
async fn ahead(_id: u8, caller: Caller) -> Answer {
    body(caller).await
}

#[cached(
    kind = "model",
    op = "everything",
    ttl = "100s",
    stale_while_revalidate = "50s",
    stale_if_error = "200s",
    refresh_ahead = 0.5,
    skip(caller),
    tags("t:{id}")
)]
async fn everything(id: u8, caller: Caller) -> Answer {
    body(caller).await
}

#[cached(
    kind = "model",
    op = "mixed",
    ttl = "100s",
    none_ttl = "40s",
    err_ttl = "20s",
    stale_while_revalidate = "50s",
    stale_if_error = "200s",
    refresh_ahead = 0.5,
    skip(caller),
    tags("t:{id}")
)]
async fn mixed(id: u8, caller: Caller) -> Answer {
    body(caller).await
}

thread_local! {
    /// How the bodies under way are told to end. All of them run on one thread.
    static BODIES: RefCell<BTreeMap<Caller, oneshot::Sender<Ending>>> = RefCell::default();
    /// Those that have begun since somebody looked.
    static STARTED: RefCell<Vec<Caller>> = RefCell::default();
}

async fn body(caller: Caller) -> Answer {
    let (tell, told) = oneshot::channel();
    BODIES.with_borrow_mut(|bodies| bodies.insert(caller, tell));
    STARTED.with_borrow_mut(|started| started.push(caller));
    match told.await {
        Ok(Ending::Value) => Ok(Some(caller)),
        Ok(Ending::None) => Ok(None),
        Ok(Ending::Failure) => Err(caller),
        // Says nothing on the standard error.
        Ok(Ending::Panic) | Err(_) => resume_unwind(Box::new("the body panics")),
    }
}

async fn answer(cache: Cache, key: Key, caller: Caller) -> Answer {
    let id = key.id;
    match key.function {
        Function::Plain => plain(id, caller).await,
        Function::Tagged => tagged(id, caller).await,
        Function::Negative => negative(id, caller).await,
        Function::Guarded => guarded(id, caller).await,
        Function::Revalidated => revalidated(id, caller).await,
        Function::Ahead => ahead(id, caller).await,
        Function::Everything => everything(id, caller).await,
        Function::Mixed => mixed(id, caller).await,
        Function::Chosen => {
            let compute = async || Ok(body(caller).await?.unwrap_or(caller));
            cache
                .get_or_try_compute(&chosen(key), compute)
                .await
                .map(Some)
        }
    }
}

fn chosen(key: Key) -> String {
    format!("k{}", key.id)
}

async fn in_tenant<T>(tenant: Tenant, inside: impl Future<Output = T>) -> T {
    match tenant {
        Some(tenant) => call::tenant(tenant, inside).await,
        None => inside.await,
    }
}

fn operation(function: Function) -> String {
    format!("{function:?}").to_lowercase()
}

pub struct Real {
    cache: Cache,
    clock: ManualClock,
    store: Option<Arc<MapStore>>,
    callers: HashMap<Caller, JoinHandle<Found>>,
}

impl Real {
    pub fn new(with_store: bool) -> Self {
        let clock = ManualClock::new();
        let store = with_store.then(Arc::default);
        Self {
            cache: open(&clock, store.as_ref()),
            clock,
            store,
            callers: HashMap::new(),
        }
    }

    pub fn begin(&mut self, caller: Caller, key: Key, way: Way) {
        let answer = answer(self.cache.clone(), key, caller);
        let call = async move {
            let seconds = Duration::from_secs;
            let outcome = match way {
                Way::Plain => return Found::untold(answer.await),
                Way::Told => call::outcome(answer).await,
                Way::Refresh => call::outcome(call::refresh(answer)).await,
                Way::Bypass => call::outcome(call::bypass(answer)).await,
                Way::MaxAge(age) => call::outcome(call::max_age(seconds(age), answer)).await,
                Way::Ttl(ttl) => call::outcome(call::ttl(seconds(ttl), answer)).await,
            };
            Found {
                answer: outcome.value,
                told: Some((outcome.origin, outcome.age.as_secs())),
            }
        };
        let task = tokio::spawn(in_tenant(key.tenant, call));
        self.callers.insert(caller, task);
    }

    pub fn finish(caller: Caller, ending: Ending) {
        let tell = BODIES.with_borrow_mut(|bodies| bodies.remove(&caller));
        // The body may be gone with its caller.
        let _ = tell.expect("a body that has begun").send(ending);
    }

    pub fn drop(&mut self, caller: Caller) {
        self.callers.remove(&caller).expect("a caller").abort();
    }

    pub async fn peek(&self, key: Key) -> Option<Answer> {
        let answer = answer(self.cache.clone(), key, Caller::MAX);
        in_tenant(key.tenant, call::peek(answer)).await
    }

    pub async fn forget(&self, key: Key, verb: Verb) -> bool {
        let answer = answer(self.cache.clone(), key, Caller::MAX);
        let forget = async {
            match verb {
                Verb::Remove if key.function == Function::Chosen => {
                    self.cache.remove(&chosen(key)).await
                }
                Verb::Remove => call::remove(answer).await,
                Verb::Expire => call::expire(answer).await,
            }
        };
        in_tenant(key.tenant, forget).await
    }

    pub async fn invalidate(&self, scope: Scope, verb: Verb) {
        let cache = &self.cache;
        let reach = match (scope, verb) {
            (Scope::Operation(it), Verb::Expire) => cache.expire_operation(&operation(it)).await,
            (Scope::Operation(it), Verb::Remove) => cache.remove_operation(&operation(it)).await,
            (Scope::Tag(id, tenant), Verb::Expire) => {
                in_tenant(tenant, cache.expire_tag(&format!("t:{id}"))).await
            }
            (Scope::Tag(id, tenant), Verb::Remove) => {
                in_tenant(tenant, cache.remove_tag(&format!("t:{id}"))).await
            }
            (Scope::Tenant(tenant), Verb::Expire) => cache.expire_tenant(tenant).await,
            (Scope::Tenant(tenant), Verb::Remove) => cache.remove_tenant(tenant).await,
            (Scope::Kind, Verb::Expire) => cache.expire_all().await,
            (Scope::Kind, Verb::Remove) => cache.clear().await,
        };
        assert_eq!(reach, Reach::Everywhere);
    }

    pub async fn get(&self, key: Key) -> Option<Caller> {
        in_tenant(key.tenant, self.cache.get(&chosen(key))).await
    }

    pub async fn set_for(&self, key: Key, value: Caller, ttl: Time) {
        let name = chosen(key);
        let ttl = Duration::from_secs(ttl);
        in_tenant(key.tenant, self.cache.set_for(&name, value, ttl)).await;
    }

    pub async fn lifetime(&self, key: Key) -> (bool, Option<Duration>) {
        let name = chosen(key);
        let both = async { (self.cache.exists(&name).await, self.cache.ttl(&name).await) };
        in_tenant(key.tenant, both).await
    }

    pub async fn remove_matching(&self, tenant: Tenant) -> u64 {
        in_tenant(tenant, self.cache.remove_matching("k*")).await
    }

    /// The store loses an entry, as any store may.
    pub async fn lose(&self, key: Key) {
        let answer = answer(self.cache.clone(), key, Caller::MAX);
        let name = in_tenant(key.tenant, call::key(answer)).await;
        let store = self.store.as_ref().expect("a store");
        let mut entries = store.entries.lock().expect("no panic");
        entries.remove(&name.expect("a name"));
    }

    pub fn advance(&self, by: Time) {
        self.clock.advance(Duration::from_secs(by));
    }

    pub async fn restart(&mut self) {
        for (_, task) in std::mem::take(&mut self.callers) {
            task.abort();
        }
        BODIES.with_borrow_mut(BTreeMap::clear);
        self.observe().await;
        self.cache = open(&self.clock, self.store.as_ref());
    }

    /// What has come to pass when nothing goes on any more: on a clock that stands, time passes only
    /// when everything else waits.
    pub async fn observe(&mut self) -> Observed {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let mut observed = Observed {
            started: STARTED.take().into_iter().collect(),
            ..Observed::default()
        };
        for (caller, task) in self.callers.extract_if(|_, task| task.is_finished()) {
            let ended = match task.await {
                Ok(found) => Ended::With(found),
                Err(_panicked) => Ended::Panicked,
            };
            observed.ended.insert(caller, ended);
        }
        observed
    }

    pub fn counts(&self) -> Counts {
        let stats = self.cache.stats();
        let hits = stats.memory_hits + stats.store_hits + stats.joined + stats.stale;
        assert_eq!(stats.hits, hits);
        Counts {
            memory_hits: stats.memory_hits,
            store_hits: stats.store_hits,
            joined: stats.joined,
            stale: stats.stale,
            computed: stats.computed,
            not_kept: stats.not_kept,
            failed: stats.failed,
            missed: stats.missed,
            bypassed: stats.bypassed,
            refreshed: stats.refreshed,
            in_memory: self.cache.size(),
        }
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        BODIES.with_borrow_mut(BTreeMap::clear);
        STARTED.take();
    }
}

fn open(clock: &ManualClock, store: Option<&Arc<MapStore>>) -> Cache {
    let config = roomy().default_ttl(Duration::from_secs(Function::TTL));
    let config = config.build().expect("valid settings");
    let mut builder = Cache::builder("model", &config).clock(clock.clone());
    if let Some(store) = store {
        builder = builder.store(store.clone());
    }
    let cache = builder.build().expect("a cache");
    larder::register(cache.clone());
    cache
}

impl Found {
    fn untold(answer: Answer) -> Self {
        Self { answer, told: None }
    }
}
