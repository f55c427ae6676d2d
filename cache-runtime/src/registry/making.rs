//! Caches that are made when they are first asked for, once for all who ask.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use futures_util::future::{Either, select};
use tokio::sync::{MutexGuard as Turn, Notify};

use super::{Registry, in_force};
use crate::cache::Cache;

/// Those who ask for kinds that nobody has registered.
#[derive(Debug)]
pub(super) struct Asking {
    by_kind: Mutex<BTreeMap<String, Weak<Queue>>>,
}

/// Those who ask for one kind. It goes with the last of them.
#[derive(Debug, Default)]
struct Queue {
    turn: tokio::sync::Mutex<()>,
    registered: Notify,
}

impl Asking {
    pub(super) const fn new() -> Self {
        Self {
            by_kind: Mutex::new(BTreeMap::new()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Weak<Queue>>> {
        self.by_kind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self, kind: &str) -> Arc<Queue> {
        let mut by_kind = self.lock();
        if let Some(queue) = by_kind.get(kind).and_then(Weak::upgrade) {
            return queue;
        }
        by_kind.retain(|_, queue| queue.strong_count() > 0);
        let queue = Arc::<Queue>::default();
        by_kind.insert(kind.to_owned(), Arc::downgrade(&queue));
        queue
    }

    /// Lets all who ask for this kind look again.
    pub(super) fn tell(&self, kind: &str) {
        let queue = self.lock().get(kind).and_then(Weak::upgrade);
        if let Some(queue) = queue {
            queue.registered.notify_waiters();
        }
    }
}

impl Queue {
    /// The turn to make the cache, unless somebody registers one before.
    async fn turn(&self, registered: impl Fn() -> Option<Cache>) -> Result<Turn<'_, ()>, Cache> {
        loop {
            let mut told = pin!(self.registered.notified());
            // Before the look: nobody registers the kind unnoticed in between.
            told.as_mut().enable();
            if let Some(cache) = registered() {
                return Err(cache);
            }
            if let Either::Left((turn, _)) = select(pin!(self.turn.lock()), told).await {
                return match registered() {
                    Some(cache) => Err(cache),
                    None => Ok(turn),
                };
            }
        }
    }
}

impl Registry {
    /// The cache that somebody has registered meanwhile, else this one.
    fn register_unless_there(&self, kind: &str, made: Cache) -> Cache {
        {
            let mut state = self.lock();
            if let Some(there) = state.kinds.get(kind) {
                return there.clone();
            }
            // There was none.
            let _nothing = state.insert(kind, made.clone());
        }
        self.changed();
        self.asking.tell(kind);
        made
    }
}

/// The cache behind a kind. Where nobody has registered one, `make` makes it, and it is registered:
/// once, however many ask at the same time.
///
/// One of them makes it, and the others wait and get the same; those who ask for other kinds do not
/// wait. Where `make` fails, its caller alone gets the error, and the next of those who wait runs its
/// own `make`; so it does where `make` panics, and where the future is dropped. Where the kind is
/// [registered](super::register) by hand meanwhile, that cache is the one that everybody gets, at
/// once; who is making one gets it when that is done.
///
/// The cache stands behind `kind` whatever its own name is. A different name is logged as a
/// warning: statistics, logs and the names of keys in a store go by it, and a mistake is more
/// likely than a wish.
///
/// The environment is not read for this, neither for `web` and `ai`. A `make` that asks for its own
/// kind waits for itself. One that is under way while everything is [closed](super::close) has its
/// cache registered all the same, as [`register`](super::register) does: that one is closed by the
/// next `close`.
///
/// # Errors
/// Those of `make`.
///
/// ```
/// # use cache_runtime as larder;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use larder::{CacheConfig, CacheError, CacheFactory};
///
/// async fn tiles() -> Result<larder::Cache, CacheError> {
///     larder::get_or_register("tiles", || async {
///         let config = CacheConfig::builder().l1_cache_size(5000).build()?;
///         CacheFactory::for_kind("tiles", &config).await
///     })
///     .await
/// }
///
/// tiles().await?.set("14/8800/5374", vec![0_u8; 16]).await;
/// assert!(tiles().await?.exists("14/8800/5374").await);
/// # Ok::<(), CacheError>(())
/// # }).unwrap();
/// ```
pub async fn get_or_register<E, F, Fut>(kind: &str, make: F) -> Result<Cache, E>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<Cache, E>>,
{
    let registry = in_force();
    if let Some(cache) = registry.get(kind) {
        return Ok(cache);
    }
    let queue = registry.asking.queue(kind);
    let _turn = match queue.turn(|| registry.get(kind)).await {
        Ok(turn) => turn,
        Err(cache) => return Ok(cache),
    };
    let cache = make().await?;
    let name = cache.name().to_owned();
    let cache = registry.register_unless_there(kind, cache);
    if name != kind {
        tracing::warn!(
            kind,
            name,
            "the cache that was made for this kind has the name of another one"
        );
    }
    Ok(cache)
}
