//! A look at one kind: what there is, and what that means for calls.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

use super::{KindHealth, PartHealth};
use crate::bus::KeepsUp;
use crate::cache::Cache;
use crate::kind::Kind;
use crate::memory::MemoryTier;
use crate::store::{Breaker, StoreError, StoreTier};

impl Cache {
    /// Looks whether everything is there that this kind consists of. Asks the store with one PING at
    /// most, within the time budget of a look-up (50 ms by default), and writes nothing. Where nobody
    /// has wanted anything of the store so far, it is connected to in that time.
    ///
    /// | part | what is looked at |
    /// |---|---|
    /// | `memory` | whether there is a memory tier, and how many entries it has |
    /// | `store` | whether it answers, and what is served where it does not |
    /// | `breaker` | whether the store [is asked at all](crate::Breaker) |
    /// | `bus` | whether it is heard at once what other processes invalidate |
    /// | `recovery_queue` | what the store still has to be told of |
    /// | `last_gap` | when something was missed of what others have announced, or may have been: degraded while others are not heard, and for as long as the [ceiling](crate::CacheConfigBuilder::invalidation_ceiling) after a gap |
    ///
    /// A kind in memory only has the first one, and one whose store tells nobody what others invalidate
    /// has no `last_gap`. Of a store of the application's own that panics, all that is said is that: it
    /// is unhealthy.
    ///
    /// A kind whose store is away is [degraded](crate::HealthStatus::Degraded), because its functions go
    /// on. It is unhealthy if it has no memory tier, so that nothing is kept, or if it was configured
    /// with [`fail_on_connection_error`](crate::CacheConfigBuilder::fail_on_connection_error).
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let cache = larder::CacheFactory::for_testing().await?;
    /// let health = cache.health().await;
    /// assert_eq!(
    ///     health.to_string(),
    ///     "kind testing is healthy\n  memory is healthy: it has 0 of 50 entries"
    /// );
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    pub async fn health(&self) -> KindHealth {
        let kind = &**self.kind();
        // A store of the application's own may do anything; what it says in a panic is not repeated.
        let parts = AssertUnwindSafe(parts(kind)).catch_unwind().await;
        let parts = parts.unwrap_or_else(|_panic| {
            let reason = "it has panicked when it was asked whether it is there";
            vec![PartHealth::unhealthy(STORE, reason)]
        });
        KindHealth::of(&kind.name, parts)
    }
}

const STORE: &str = "store";

async fn parts(kind: &Kind) -> Vec<PartHealth> {
    let mut parts = vec![memory(kind)];
    if let Some(tier) = &kind.store {
        let memory = kind.memory.as_ref();
        // First: it may change what is known of the rest.
        let answer = tier.answers().await;
        let keeps_up = tier.bus.keeps_up();
        parts.push(store(kind, tier, &answer, keeps_up));
        parts.push(breaker(tier.connections().breaker));
        parts.push(bus(memory, keeps_up, answer.is_ok()));
        parts.push(recovery_queue(memory, tier, answer.is_ok()));
        parts.extend(keeps_up.map(|keeps_up| last_gap(memory, keeps_up)));
    }
    parts
}

fn memory(kind: &Kind) -> PartHealth {
    const PART: &str = "memory";
    match (&kind.memory, &kind.store) {
        (Some(memory), _) => {
            let (entries, capacity) = (memory.len(), memory.capacity());
            PartHealth::healthy(PART, format!("it has {entries} of {capacity} entries"))
        }
        (None, Some(store)) => PartHealth::healthy(
            PART,
            format!(
                "there is none (`enable_l1_cache`), so every answer comes from {}",
                store.name()
            ),
        ),
        (None, None) => PartHealth::unhealthy(
            PART,
            "there is none, and no store either, so nothing is kept: set `enable_l1_cache` or a \
             `store_budget` above zero",
        ),
    }
}

fn store(
    kind: &Kind,
    tier: &StoreTier,
    answer: &Result<Duration, StoreError>,
    keeps_up: Option<KeepsUp>,
) -> PartHealth {
    const PART: &str = STORE;
    let error = match answer {
        Ok(took) => {
            return PartHealth::healthy(PART, format!("{} answers within {took:.1?}", tier.name()));
        }
        Err(error) => error,
    };
    let found = found(tier, error);
    if kind.needs_store {
        PartHealth::unhealthy(
            PART,
            format!("{found}; this kind is not to go on without it (`fail_on_connection_error`)"),
        )
    } else if kind.memory.is_none() {
        PartHealth::unhealthy(
            PART,
            format!("{found}; without a memory tier nothing is kept, and every call computes"),
        )
    } else {
        let served = match keeps_up {
            Some(KeepsUp { while_away, .. }) => format!("for at most {while_away:?}"),
            None => "until its lifetime is over".to_owned(),
        };
        PartHealth::degraded(
            PART,
            format!("{found}; what is in memory is served {served}, and the rest is computed"),
        )
    }
}

/// What a store that does not answer is found to be.
pub(super) fn found(tier: &StoreTier, error: &StoreError) -> String {
    let name = tier.name();
    match error {
        StoreError::Away(reason) => format!("{name} is away ({reason})"),
        StoreError::TimedOut(time) => format!("{name} has not answered within {time:?}"),
        StoreError::Refused(reason) => format!("{name} has refused ({reason})"),
    }
}

fn breaker(breaker: Breaker) -> PartHealth {
    const PART: &str = "breaker";
    match breaker {
        Breaker::Closed => PartHealth::healthy(PART, "it is closed, so the store is asked"),
        Breaker::HalfOpen => PartHealth::degraded(
            PART,
            "it is half open: the store is tried at this moment, and calls go on without it",
        ),
        Breaker::Open => PartHealth::degraded(
            PART,
            "it is open: calls go on without the store and lose no time to it, until an attempt in \
             the background finds that it answers (`open_for`)",
        ),
    }
}

fn bus(memory: Option<&MemoryTier>, keeps_up: Option<KeepsUp>, answers: bool) -> PartHealth {
    const PART: &str = "bus";
    let Some(keeps_up) = keeps_up else {
        let found =
            "there is none, because this store does not tell what other processes invalidate";
        let reason = match memory {
            Some(_) => format!("{found}: what is in memory here stays until its lifetime is over"),
            None => found.to_owned(),
        };
        return PartHealth::healthy(PART, reason);
    };
    let KeepsUp {
        is_heard,
        good_for,
        while_away,
        ..
    } = keeps_up;
    if is_heard && memory.is_some_and(MemoryTier::is_overdue) {
        return PartHealth::degraded(
            PART,
            "the runtime on which other processes are heard stands still: nothing in memory is \
             served before the store was asked again; do not block the threads of the runtime that \
             the cache was connected on",
        );
    }
    if is_heard {
        return PartHealth::healthy(
            PART,
            format!(
                "what other processes invalidate is heard at once, and within {good_for:?} where a \
                 message is lost"
            ),
        );
    }
    match (memory, answers) {
        (_, true) => {
            // Without memory, what was read of operations, tags and tenants is still remembered.
            let again = match memory {
                Some(_) => ", and memory is looked up in the store again that often",
                None => "",
            };
            PartHealth::degraded(
                PART,
                format!(
                    "what other processes invalidate is not heard (yet), so it is noticed within \
                     {good_for:?}{again}; where it stays so, the user may lack the right to SUBSCRIBE \
                     to the channel of the kind (deploy/redis/README.md)"
                ),
            )
        }
        (Some(_), false) => PartHealth::degraded(
            PART,
            format!(
                "what other processes invalidate is not heard while the store is away, so memory may \
                 be behind by at most {while_away:?}"
            ),
        ),
        (None, false) => PartHealth::healthy(
            PART,
            "what other processes invalidate is not heard while the store is away, and without a \
             memory tier nothing is served then",
        ),
    }
}

fn recovery_queue(memory: Option<&MemoryTier>, tier: &StoreTier, answers: bool) -> PartHealth {
    const PART: &str = "recovery_queue";
    let queues = tier.queues();
    let (untold, waiting) = (queues.untold, queues.waiting);
    // There was no room for them, or the store has failed.
    let given_up = queues.dropped + tier.lost_writes();
    let numbers = format!(
        "invalidations that the store has to be told of: {untold}; writes on their way: {waiting}; \
         writes given up so far: {given_up}"
    );
    if untold > 0 && (!answers || queues.is_in_vain) {
        let until = if answers {
            "the store takes none of them: look whether it is full or denies the user something"
        } else {
            "it is told as soon as it answers, unless this process ends before"
        };
        PartHealth::degraded(PART, format!("{numbers}; {until}"))
    } else if waiting >= queues.room {
        let kept = match memory {
            Some(_) => "in memory only",
            None => "nowhere",
        };
        PartHealth::degraded(
            PART,
            format!("{numbers}; it is full, so what is computed now is kept {kept}"),
        )
    } else {
        PartHealth::healthy(PART, numbers)
    }
}

fn last_gap(memory: Option<&MemoryTier>, keeps_up: KeepsUp) -> PartHealth {
    const PART: &str = "last_gap";
    if memory.is_none() {
        let reason = "without a memory tier nothing is there that could be behind";
        return PartHealth::healthy(PART, reason);
    }
    let seconds = keeps_up.last_gap.map(|gap| gap.as_secs());
    match (keeps_up.recent_gap, seconds) {
        _ if !keeps_up.is_heard => PartHealth::degraded(
            PART,
            "what others announce is missed at this moment (`bus`): what is in memory is looked up in \
             the store again when they are heard",
        ),
        (Some(_), Some(seconds)) => PartHealth::degraded(
            PART,
            format!(
                "{seconds} s ago something was missed of what others have announced, or may have \
                 been: what was in memory then is looked up in the store before it is served"
            ),
        ),
        (None, Some(seconds)) => PartHealth::healthy(
            PART,
            format!("nothing was missed of what others have announced for {seconds} s"),
        ),
        (_, None) => PartHealth::healthy(PART, "nothing was missed of what others have announced"),
    }
}
