//! The store: bytes outside this process.

mod bounded;
mod claim;
mod generations;
mod held;
mod recovery;
mod report;
mod tier;
mod tombstone;
mod write;
mod write_behind;

#[cfg(feature = "redis")]
pub(crate) mod redis;

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Weak;
use std::time::Duration;

use crate::generation::Invalidation;
use crate::runtime;

pub(crate) use bounded::StoreSettings;
pub use claim::{Claim, Claimed};
pub use generations::Generation;
use generations::random;
pub(crate) use generations::{FoldedGenerations, GenerationNames};
pub(crate) use held::Held;
pub use report::{Breaker, Connections, StoreChange, StoreInfo};
pub(crate) use tier::{Computing, Lost, StoreName, StoreTier};
pub(crate) use tombstone::Seen;
pub use tombstone::Tombstone;
use write::Write;

/// Keys that a store is asked or told about at once, in one round trip. Enough to make the round
/// trip cheap, and few enough that values of 50 KB come within the time budget of a look-up.
pub(crate) const AT_ONCE: usize = 128;

/// What an operation of a [`Store`] returns.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Bytes outside this process, each with a lifetime.
///
/// An operation either answers or fails; it does not retry. Every future may be dropped at any
/// time, because each look-up has a time budget.
pub trait Store: Debug + Send + Sync + 'static {
    /// What the store is, in statistics: `redis`, for example.
    fn name(&self) -> &'static str;

    /// What is under `key`: an entry, a [`Tombstone`], or an entry behind one. No bytes are the same as
    /// nothing. No more is read than is needed to say that there are more than `limit` bytes; there may
    /// be more of them in the answer, too.
    fn get<'a>(&'a self, key: &'a str, limit: usize) -> StoreFuture<'a, Option<Vec<u8>>>;

    /// Keeps `entry`, which begins with a [`Tombstone`], until `ttl` has passed, in the place of
    /// whatever is there, and announces that. Where an operation that was given up may be done later
    /// all the same, nothing takes the place of a tombstone that [came after](Tombstone::is_after)
    /// its own; what another process has done meanwhile is not recognized.
    fn set<'a>(
        &'a self,
        key: &'a str,
        entry: &'a [u8],
        ttl: Duration,
        announcement: Option<&'a Announcement>,
    ) -> StoreFuture<'a, ()>;

    /// The same, unless the key was removed in between: what is there begins with a
    /// [`Tombstone`], and `entry` begins with another one or with none. Says whether it is kept.
    ///
    /// All in one step, with the announcement: no change by another process comes in between. A claim
    /// is over then, whoever made it.
    fn set_unless_removed<'a>(
        &'a self,
        key: &'a str,
        entry: &'a [u8],
        ttl: Duration,
        announcement: Option<&'a Announcement>,
    ) -> StoreFuture<'a, bool>;

    /// Claims the computation of what is under `key`, unless one of another process holds that was
    /// made for the same [generations](Claim::generations). It holds until `lease` has passed, until
    /// the key is removed, and until something is kept there.
    ///
    /// No other operation shows a claim: one that is under a key alone is no entry there.
    fn claim<'a>(
        &'a self,
        key: &'a str,
        claim: &'a Claim,
        lease: Duration,
    ) -> StoreFuture<'a, Claimed> {
        let _ = (key, claim, lease);
        Box::pin(async { Ok(Claimed::Unsupported) })
    }

    /// Has a claim hold until `lease` has passed from now on, and says whether it was there.
    fn renew<'a>(
        &'a self,
        key: &'a str,
        claim: &'a Claim,
        lease: Duration,
    ) -> StoreFuture<'a, bool> {
        let _ = (key, claim, lease);
        Box::pin(async { Ok(false) })
    }

    /// Ends a claim, if it is there, and announces that unless there is another one.
    fn release<'a>(
        &'a self,
        key: &'a str,
        claim: &'a Claim,
        announcement: Option<&'a Announcement>,
    ) -> StoreFuture<'a, ()> {
        let _ = (key, claim, announcement);
        Box::pin(async { Ok(()) })
    }

    /// Leaves `tombstone` in the place of what is under `key`, until [`Tombstone::LIFETIME`] has
    /// passed, and says whether there was an entry: anything but a tombstone alone. Without one, a
    /// tombstone before the entry stays for so long, and without that either nothing is left.
    ///
    /// All in one step, with the announcement.
    fn remove<'a>(
        &'a self,
        key: &'a str,
        tombstone: Option<Tombstone>,
        announcement: Option<&'a Announcement>,
    ) -> StoreFuture<'a, bool>;

    /// What is left of the lifetime of the entry under `key`; `None` where there is none, or a
    /// tombstone alone.
    fn ttl<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Duration>>;

    /// Up to `limit` keys that begin with `prefix`, go on as the glob `pattern` says and have an
    /// entry, without the prefix.
    fn keys<'a>(
        &'a self,
        prefix: &'a str,
        pattern: &'a str,
        limit: usize,
    ) -> StoreFuture<'a, Vec<String>>;

    /// [Removes](Self::remove) all keys that begin with `prefix` and go on as the glob `pattern`
    /// says, and counts those that had an entry. A tombstone that is there alone gives way to the new
    /// one, which stays for no longer than it would have: who removes a pattern over and over does
    /// not keep the keys that there once were.
    fn remove_matching<'a>(
        &'a self,
        prefix: &'a str,
        pattern: &'a str,
        tombstone: Tombstone,
    ) -> StoreFuture<'a, u64>;

    /// Forgets everything under keys that begin with `prefix`: entries, tombstones and
    /// generations.
    fn clear<'a>(&'a self, prefix: &'a str) -> StoreFuture<'a, ()>;

    /// The generation under `key`: two numbers, of which an entry carries those that its writer
    /// knew. To remove, both become those of `new`; to expire, the second one does; where there is
    /// nothing under the key, both do in any case, so that what was written before is not served.
    ///
    /// Returns what is there then, and keeps it until `ttl` has passed from now on. All in one
    /// step, with the announcement: no change by another process comes in between.
    fn generation<'a>(
        &'a self,
        key: &'a str,
        invalidate: Option<Invalidation>,
        new: Generation,
        ttl: Duration,
        announcement: Option<&'a Announcement>,
    ) -> StoreFuture<'a, Generation>;

    /// Announces something by itself.
    fn announce<'a>(&'a self, announcement: &'a Announcement) -> StoreFuture<'a, ()> {
        let _ = announcement;
        Box::pin(async { Ok(()) })
    }

    /// Tells `listener`, as long as there is one, what others announce on this channel, from when it
    /// can: and says whether it ever can. Where it cannot, nothing is announced.
    ///
    /// What was announced may be heard a moment after what was written with it is there.
    fn listen(&self, channel: &str, listener: Weak<dyn Listener>) -> bool {
        let _ = (channel, listener);
        false
    }

    /// Whether the store answers.
    fn ping(&self) -> StoreFuture<'_, ()>;

    /// Begins to connect, where that means anything, and returns once the store answered and tells
    /// what others announce, or a first attempt failed.
    fn connect(&self) -> StoreFuture<'_, ()>;

    /// The way to the store, for statistics.
    fn connections(&self) -> Connections {
        Connections::default()
    }

    /// What the store says about itself, for operators.
    fn info(&self) -> StoreFuture<'_, StoreInfo> {
        Box::pin(async { Err(StoreError::Refused("it says nothing".to_owned())) })
    }

    /// Lets go of connections. Another operation may open them again.
    fn disconnect(&self);
}

/// What a store says on a channel, in the same step in which it does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    channel: String,
    message: Vec<u8>,
}

impl Announcement {
    pub(crate) fn new(channel: &str, message: Vec<u8>) -> Self {
        Self {
            channel: channel.to_owned(),
            message,
        }
    }

    /// Where it is to be said: a text that begins with the prefix of the kind's keys.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// What is to be said.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.message
    }
}

/// Who wants to know what is said on a channel. A store calls it; the cache is one.
///
/// Nothing here waits or panics.
pub trait Listener: Send + Sync + 'static {
    /// Somebody has announced this, maybe this process itself.
    fn heard(&self, message: &[u8]);

    /// Another server takes the place of the one that was asked before, with a copy of what that one
    /// had, or with something older. To be called before it is asked.
    fn server_changed(&self);

    /// From now on everything that is announced is told, or no longer.
    fn connected(&self, is_connected: bool);

    /// Nobody is going to tell anything any more until the store is asked again: the runtime has ended
    /// on which that was done.
    fn abandoned(&self);

    /// The way to the store has changed. Nothing depends on it but what the application is
    /// [told](crate::Cache::on_event).
    fn store_changed(&self, change: StoreChange) {
        drop(change);
    }

    /// How often [`due`](Self::due) is to be called.
    fn pace(&self) -> Duration;

    /// Does what is to be done every now and then, and gives what is to be announced. To be called
    /// whether or not there is a connection.
    fn due(&self, store_answers: bool) -> Option<Announcement>;
}

/// Has a store connect, and waits for so long.
pub(crate) async fn connect(store: &dyn Store, patience: Duration) -> Result<(), StoreError> {
    if !runtime::has_timer() {
        return Err(StoreError::Away("no tokio runtime with timers".to_owned()));
    }
    match tokio::time::timeout(patience, store.connect()).await {
        Ok(connected) => connected,
        Err(_elapsed) => Err(StoreError::TimedOut(patience)),
    }
}

/// Why a store did not do what it was asked for. Calls of annotated functions never see it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no connection, and none was waited for.
    #[error("the store is away: {0}")]
    Away(String),
    /// The time budget was used up.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The store answered with an error.
    #[error("the store refused: {0}")]
    Refused(String),
}
