//! What the other files need.

use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use larder::{Cache, CacheConfig};

/// Counts the runs of a body.
pub(crate) struct Runs(AtomicUsize);

impl Runs {
    pub(crate) const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn total(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Gives the kind `web` room for all tests together: what one of them keeps must not push out what
/// another one counts on. To be called before the first cached call of a test.
pub(crate) fn make_room() {
    static ROOM: Once = Once::new();
    ROOM.call_once(|| {
        let web = CacheConfig::builder()
            .l1_cache_size(10_000)
            .build()
            .and_then(|config| Cache::builder("web", &config).build());
        match web {
            Ok(web) => larder::register(web),
            Err(error) => panic!("{error}"),
        }
    });
}
