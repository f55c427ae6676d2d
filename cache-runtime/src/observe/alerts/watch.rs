//! A look every now and then.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until, timeout};

use super::alert::{Alert, AlertLevel};
use super::judgement::{Judgement, News};
use super::thresholds::AlertThresholds;
use crate::cache::{Cache, WeakCache};
use crate::error::CacheError;
use crate::memory::MemoryTier;
use crate::observe::insight::wide;
use crate::registry;
use crate::runtime;

/// The shortest and the longest pace.
const PACES: [Duration; 2] = [
    Duration::from_millis(100),
    Duration::from_secs(365 * 24 * 60 * 60),
];

type Sink = Box<dyn Fn(&Alert) + Send + Sync>;

/// Keeps a loop going that tells of caches that are not what they should be; when this is dropped, the
/// loop ends. Made by [`AlertWatch::builder`].
#[derive(Debug)]
#[must_use = "the loop ends when this is dropped"]
pub struct AlertWatch {
    /// `None`: there was no runtime for it.
    task: Option<JoinHandle<()>>,
}

/// What is watched, how often, and who is told.
#[must_use = "nothing is watched before `begin`"]
pub struct AlertWatchBuilder {
    thresholds: AlertThresholds,
    /// By name; empty: all that are registered.
    caches: BTreeMap<String, WeakCache>,
    every: Duration,
    resources_every: Duration,
    sinks: Vec<Sink>,
    /// Of those whose ends are told.
    ends: Vec<Sink>,
}

impl AlertWatch {
    /// So often hits, their times, errors and health are looked at, if nothing else is said (ALR-3).
    pub const PACE: Duration = Duration::from_secs(30);

    /// So often memory is looked at, if nothing else is said (ALR-3).
    pub const PACE_OF_RESOURCES: Duration = Duration::from_secs(60);

    /// Watches caches, and tells of them when something is not what it should be.
    ///
    /// | subject | what is looked at | alert |
    /// |---|---|---|
    /// | [`HitRatio`](crate::AlertSubject::HitRatio) | hits among the requests since the last look | below 0.7, critical below 0.5 |
    /// | [`OperationTime`](crate::AlertSubject::OperationTime) | the mean time of hits since then, but for those that waited for another call | above 10 ms, critical above 50 ms |
    /// | [`ErrorRate`](crate::AlertSubject::ErrorRate) | calls without an answer of the store among those that asked it since then; look-ups with [`get`](crate::Cache::get) are not seen here | above 5 %, critical above 25 % |
    /// | [`Memory`](crate::AlertSubject::Memory) | bytes in memory, as far as they are seen | above 100 MB, critical above 200 MB |
    /// | [`Health`](crate::AlertSubject::Health) | [`Cache::health`](crate::Cache::health) | a warning where it is degraded, an error where it is unhealthy, critical from the third time one after the other |
    ///
    /// The first look is taken at once, about everything since the cache was made; then memory is looked
    /// at every minute and everything else every half. Of fewer than ten requests, ten hits that were timed, or
    /// ten calls that asked the store, nothing is said: they are judged together with those of the next
    /// periods. Without traffic there is nothing to tell.
    ///
    /// An alert is told once, when its level is reached; it is told again after all was well, or with
    /// another level. What gets worse is told at once. That a number is better is told when three looks, one after
    /// the other, have found it so: one that stands at its threshold is not told again and again. That all is
    /// well again, or that the cache is gone, is told to those who ask for it
    /// ([`recovered`](AlertWatchBuilder::recovered)). Sinks are
    /// called on a thread of the runtime, one after the other, and keep it for as long as they take: what
    /// takes long is to be sent elsewhere. A panic in one is logged, and the others are called. Without a sink
    /// alerts are logged.
    ///
    /// The loop goes on as long as the guard that [`begin`](AlertWatchBuilder::begin) returns is there, and as
    /// long as the runtime that it was called on. It does not keep caches that nobody else keeps. What is
    /// counted is not changed by it, and [`reset_statistics`](crate::Cache::reset_statistics) means nothing
    /// to it.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use larder::{AlertLevel, AlertThresholds, AlertWatch};
    ///
    /// let watch = AlertWatch::builder()
    ///     .thresholds(AlertThresholds::default().memory_mb(500.0, 900.0))
    ///     .sink(|alert| {
    ///         if alert.level == AlertLevel::Critical {
    ///             eprintln!("{alert}"); // wake somebody up
    ///         }
    ///     })
    ///     .recovered(|alert| eprintln!("it is over: {alert}"))
    ///     .begin()?;
    /// assert!(watch.is_running());
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    pub fn builder() -> AlertWatchBuilder {
        AlertWatchBuilder {
            thresholds: AlertThresholds::default(),
            caches: BTreeMap::new(),
            every: Self::PACE,
            resources_every: Self::PACE_OF_RESOURCES,
            sinks: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Whether the loop goes on: it ends with the runtime that it was begun on.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.task.as_ref().is_some_and(|task| !task.is_finished())
    }
}

impl Drop for AlertWatch {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl AlertWatchBuilder {
    /// From where on somebody is told.
    pub fn thresholds(mut self, thresholds: AlertThresholds) -> Self {
        self.thresholds = thresholds;
        self
    }

    /// Watches this cache under this name, and others that are named like this. Without any, all kinds are
    /// watched that are [registered](crate::register()) when a look is taken.
    pub fn cache(mut self, name: &str, cache: &Cache) -> Self {
        self.caches.insert(name.to_owned(), cache.downgrade());
        self
    }

    /// Looks at hits, their times, errors and health every so often, 100 ms to a year.
    pub fn every(mut self, pace: Duration) -> Self {
        self.every = pace;
        self
    }

    /// Looks at memory every so often, 100 ms to a year. Each time it walks over all entries in memory, as
    /// [`Cache::stats`] does, on a thread for work that takes long.
    pub fn resources_every(mut self, pace: Duration) -> Self {
        self.resources_every = pace;
        self
    }

    /// Tells this one too.
    pub fn sink(mut self, sink: impl Fn(&Alert) + Send + Sync + 'static) -> Self {
        self.sinks.push(Box::new(sink));
        self
    }

    /// Tells this one that an alert is over, with the alert as it was told last: three looks, one after the
    /// other, have found its subject within the threshold, each with ten of what it is judged by at least (of
    /// health, one look); or the cache is gone, or another one has its name. An alert with another level is none
    /// that is over. Without such a sink, that is logged at the level `INFO`.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use larder::{Alert, AlertWatch};
    ///
    /// /// Under which it is opened and closed elsewhere.
    /// fn incident(alert: &Alert) -> String {
    ///     format!("{}/{}/{}", alert.service, alert.kind, alert.subject)
    /// }
    ///
    /// let watch = AlertWatch::builder()
    ///     .sink(|alert| println!("open {}: {alert}", incident(alert)))
    ///     .recovered(|alert| println!("close {}", incident(alert)))
    ///     .begin()?;
    /// # drop(watch);
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    pub fn recovered(mut self, sink: impl Fn(&Alert) + Send + Sync + 'static) -> Self {
        self.ends.push(Box::new(sink));
        self
    }

    /// Begins. Outside of a tokio runtime with timers nothing is watched: a warning says so, and
    /// [`is_running`](AlertWatch::is_running) is false.
    ///
    /// # Errors
    /// [`CacheError::Configuration`] for thresholds that cannot be used.
    pub fn begin(self) -> Result<AlertWatch, CacheError> {
        self.thresholds.check()?;
        if !runtime::has_timer() {
            tracing::warn!("nobody is told of the caches: there is no tokio runtime with timers");
            return Ok(AlertWatch { task: None });
        }
        let task = tokio::spawn(self.watch());
        Ok(AlertWatch { task: Some(task) })
    }

    async fn watch(self) {
        let [shortest, longest] = PACES;
        let [every, resources_every] =
            [self.every, self.resources_every].map(|pace| pace.clamp(shortest, longest));
        let (mut next, mut next_of_resources) = (Instant::now(), Instant::now());
        let mut judgements = BTreeMap::<String, Judgement>::new();
        loop {
            sleep_until(next.min(next_of_resources)).await;
            let now = Instant::now();
            let caches = self.caches();
            let is_there = |name: &String| caches.iter().any(|(it, _)| it == name);
            let gone: Vec<_> = judgements
                .keys()
                .filter(|it| !is_there(it))
                .cloned()
                .collect();
            let gone = gone.iter().filter_map(|name| judgements.remove(name));
            gone.flat_map(Judgement::gone)
                .for_each(|news| self.tell(&news));
            for (name, _) in &caches {
                let judgement = || Judgement::of(name);
                judgements.entry(name.clone()).or_insert_with(judgement);
            }
            if now >= next {
                self.performance(&caches, &mut judgements).await;
                // A round that takes long delays the next one.
                next = Instant::now() + every;
            }
            if now >= next_of_resources {
                self.resources(&caches, &mut judgements, every).await;
                next_of_resources = Instant::now() + resources_every;
            }
        }
    }

    async fn performance(
        &self,
        caches: &[(String, Cache)],
        judgements: &mut BTreeMap<String, Judgement>,
    ) {
        let health = join_all(caches.iter().map(|(_, cache)| cache.health())).await;
        for ((name, cache), health) in caches.iter().zip(health) {
            let Some(judgement) = judgements.get_mut(name) else {
                continue;
            };
            let (at, statistics) = (SystemTime::now(), cache.statistics_since_start());
            let news = judgement.performance(&statistics, &self.thresholds, at);
            let news = news.into_iter().chain(judgement.health(&health, at));
            news.for_each(|news| self.tell(&news));
        }
    }

    async fn resources(
        &self,
        caches: &[(String, Cache)],
        judgements: &mut BTreeMap<String, Judgement>,
        patience: Duration,
    ) {
        let looked_at: Vec<Cache> = caches.iter().map(|(_, cache)| cache.clone()).collect();
        let look = || looked_at.into_iter().map(|cache| bytes(&cache)).collect();
        let mut look = spawn_blocking::<_, Vec<u64>>(look);
        // The application may occupy all threads of this sort: everything else is looked at all the same.
        let Ok(Ok(bytes)) = timeout(patience, &mut look).await else {
            look.abort();
            return;
        };
        for ((name, _), bytes) in caches.iter().zip(bytes) {
            let judgement = judgements.get_mut(name);
            let news =
                judgement.and_then(|it| it.resources(bytes, &self.thresholds, SystemTime::now()));
            if let Some(news) = news {
                self.tell(&news);
            }
        }
    }

    fn caches(&self) -> Vec<(String, Cache)> {
        if self.caches.is_empty() {
            let kinds = registry::kinds().into_iter();
            let registered = kinds.filter_map(|kind| registry::cache(&kind).map(|it| (kind, it)));
            return registered.collect();
        }
        let named = self.caches.iter();
        named
            .filter_map(|(name, cache)| Some((name.clone(), cache.upgrade()?)))
            .collect()
    }

    fn tell(&self, news: &News) {
        let (sinks, alert) = match news {
            News::Alert(alert) => (&self.sinks, alert),
            News::Over(alert) | News::Gone(alert) => (&self.ends, alert),
        };
        if sinks.is_empty() {
            log(news);
        }
        for sink in sinks {
            let told = catch_unwind(AssertUnwindSafe(|| sink(alert)));
            if told.is_err() {
                tracing::error!("who is told of the caches has panicked");
            }
        }
    }
}

/// What is in its memory, as far as it is seen. The store is not asked for anything.
fn bytes(cache: &Cache) -> u64 {
    let memory = cache.kind().memory.as_ref();
    let usage = memory.map(MemoryTier::usage).unwrap_or_default();
    usage.weight.max(wide(usage.bytes))
}

fn log(news: &News) {
    let (News::Alert(alert) | News::Over(alert) | News::Gone(alert)) = news;
    let (kind, subject, message) = (&alert.kind, alert.subject.name(), &alert.message);
    match (news, alert.level) {
        (News::Over(_), _) => tracing::info!(kind, subject, "is as it should be again"),
        (News::Gone(_), _) => {
            tracing::info!(kind, subject, "is no matter any more: the cache is gone");
        }
        (News::Alert(_), AlertLevel::Warning) => tracing::warn!(kind, subject, "{message}"),
        (News::Alert(_), AlertLevel::Error | AlertLevel::Critical) => {
            tracing::error!(kind, subject, level = alert.level.name(), "{message}");
        }
    }
}

impl fmt::Debug for AlertWatchBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlertWatchBuilder")
            .field("thresholds", &self.thresholds)
            .field("caches", &self.caches.keys())
            .field("every", &self.every)
            .field("resources_every", &self.resources_every)
            .field("sinks", &self.sinks.len())
            .field("ends", &self.ends.len())
            .finish()
    }
}
