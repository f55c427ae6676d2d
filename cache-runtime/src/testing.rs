//! For tests of applications that use the cache.

use tokio::runtime::Handle;

pub use crate::clock::ManualClock;
pub use crate::registry::RegistryScope;

/// Gives what runs on the current tokio runtime a registry of its own, until the guard is dropped:
/// tests in one process, each on a runtime of its own as with `#[tokio::test]`, do not see each
/// other's kinds.
///
/// Every task on that runtime sees it, on each of its threads, those of `spawn_blocking` too. What runs
/// elsewhere sees the registry of the process: other runtimes, and threads that have not
/// [entered](tokio::runtime::Handle::enter) this one. Of several scopes on one runtime, the one that was
/// begun last holds until it is dropped. When the last one is, the registry of the process is seen again;
/// what the scope held is forgotten, and not [closed](crate::close).
///
/// It begins with the kinds `web` and `ai`, in memory, with a lifetime of 60 s and 50 entries each. The
/// environment is not read, unless [`init`](crate::init) is called in the scope: that makes the two kinds
/// anew from the environment. Everything else is as in the registry of the process;
/// [`fallback`](crate::fallback()) has a cache of the scope's own, too.
///
/// While there is a scope anywhere in the process, each cached call takes a little longer to find its
/// kind.
///
/// # Panics
/// Outside of a tokio runtime: without an effect, it would be a trap.
///
/// ```
/// # use cache_runtime as larder;
/// use larder::{Cache, CacheConfig};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// // In a test:
/// let _scope = larder::testing::registry_scope();
/// let config = CacheConfig::builder().l1_cache_size(10).build()?;
/// larder::register(Cache::builder("geo", &config).build()?);
/// assert_eq!(larder::kinds(), ["ai", "geo", "web"]);
/// # Ok::<(), larder::CacheError>(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn registry_scope() -> RegistryScope {
    let Ok(runtime) = Handle::try_current() else {
        panic!("a registry scope belongs to a tokio runtime, and there is none here");
    };
    RegistryScope::of(&runtime)
}
