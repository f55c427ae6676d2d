//! Whether a configuration works, tried out.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use super::{CacheConfig, ValidationReport};
use crate::cache::Cache;

/// The kind that is made for it, beside those of the application.
const KIND: &str = "smoke-test";

/// What is written is over after so long, whatever becomes of the process.
const LIFETIME: Duration = Duration::from_secs(60);

/// How a configuration did when it was tried out, as [`CacheConfig::smoke_test`] says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SmokeTest {
    /// What there is to say about the settings.
    pub report: ValidationReport,
    /// Whether Redis was connected to; `None` where none is configured.
    pub connection_successful: Option<bool>,
    /// Why it was not.
    pub connection_error: Option<String>,
    /// Setting a value, getting it back and removing it, in this order, and whether each did what it
    /// should. Nothing where no cache could be built.
    pub operations: Vec<(&'static str, bool)>,
    /// What the three took together.
    pub basic_operations_time: Duration,
}

impl SmokeTest {
    /// Whether all of it went well.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        self.report.is_valid()
            && self.connection_successful != Some(false)
            && !self.operations.is_empty()
            && self.operations.iter().all(|(_, well)| *well)
    }
}

impl fmt::Display for SmokeTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_passed() { "passed" } else { "failed" };
        write!(f, "the smoke test has {verdict}\n{}", self.report)?;
        if let Some(connected) = self.connection_successful {
            let not = if connected { "" } else { "not " };
            write!(f, "\nRedis was {not}connected to")?;
        }
        if let Some(error) = &self.connection_error {
            write!(f, ": {error}")?;
        }
        for (operation, well) in &self.operations {
            let how = if *well { "works" } else { "does not work" };
            write!(f, "\n{operation} {how}")?;
        }
        let millis = self.basic_operations_time.as_secs_f64() * 1e3;
        write!(f, "\nthe operations took {millis:.3} ms")
    }
}

impl CacheConfig {
    /// Tries these settings out, before an application goes by them: builds a cache from those that hold
    /// for all kinds (from those of one with [`for_kind`](Self::for_kind)), connects it, and sets, gets
    /// and removes a value, in Redis where one is configured. Takes a few seconds at most. What is left
    /// in Redis expires.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let config = larder::CacheConfig::builder().build()?;
    /// let smoke_test = config.smoke_test().await;
    /// assert!(smoke_test.is_passed(), "{smoke_test}");
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    pub async fn smoke_test(&self) -> SmokeTest {
        let mut test = SmokeTest {
            report: self.validate(),
            ..SmokeTest::default()
        };
        let mut config = Self {
            require_tenant: false,
            ..self.for_kind(KIND)
        };
        // What is asked is the store, where there is one.
        config.enable_l1_cache &= config.redis_url.is_none();
        let cache = match Cache::builder(KIND, &config).build() {
            Ok(cache) => cache,
            Err(error) => {
                let errors = &mut test.report.errors;
                let new = error.problems().iter().filter(|it| !errors.contains(it));
                let new: Vec<String> = new.cloned().collect();
                errors.extend(new);
                return test;
            }
        };
        if config.redis_url.is_some() {
            let connected = cache.try_connect().await;
            test.connection_successful = Some(connected.is_ok());
            test.connection_error = connected.err().map(|error| error.to_string());
        }
        let key = format!("{:016x}", fastrand::u64(..));
        let began = Instant::now();
        cache.set_for(&key, key.clone(), LIFETIME).await;
        let got = cache.get::<String>(&key).await;
        let removed = cache.remove(&key).await;
        test.basic_operations_time = began.elapsed();
        let is_back = got.as_ref() == Some(&key);
        test.operations = vec![
            ("set", got.is_some()),
            ("get", is_back),
            ("remove", removed),
        ];
        cache.leave().await;
        cache.disconnect();
        test
    }
}
