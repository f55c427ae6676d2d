//! Who is told when a cache is not what it should be, and when; one row of the documents a test. The clock
//! is tokio's, and stands still but for what the tests let pass.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use larder::AlertLevel::{Critical, Error, Warning};
use larder::AlertSubject::{ErrorRate, Health, HitRatio, Memory};
use larder::call::MissReason;
use larder::testing::ManualClock;
use larder::{
    Alert, AlertLevel, AlertSubject, AlertThresholds, AlertWatch, AlertWatchBuilder, Cache,
    CacheError, Threshold, cached,
};
use support::map_store::MapStore;
use support::{Log, eventually, in_memory, register, roomy};
use tokio::time::{Instant, sleep};

/// Alerts, with the seconds since the beginning.
#[derive(Clone)]
struct Told {
    began: Instant,
    alerts: Arc<Mutex<Vec<(u64, Alert)>>>,
}

type Row<'a> = (u64, &'a str, AlertSubject, AlertLevel);

impl Told {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            alerts: Arc::default(),
        }
    }

    fn sink(&self) -> impl Fn(&Alert) + Send + Sync + 'static {
        let told = self.clone();
        move |alert| {
            let seconds = told.began.elapsed().as_secs();
            let mut alerts = told.alerts.lock().expect("no panic");
            alerts.push((seconds, alert.clone()));
        }
    }

    #[track_caller]
    fn is(&self, expected: &[Row<'_>]) {
        let alerts = self.alerts.lock().expect("no panic");
        let alerts: Vec<Row<'_>> = alerts
            .iter()
            .map(|(at, it)| (*at, it.kind.as_str(), it.subject, it.level))
            .collect();
        assert_eq!(alerts, expected);
    }
}

/// So many look-ups that find something, and so many that find nothing.
async fn ask(cache: &Cache, hits: usize, misses: usize) {
    cache.set("there", 1_u32).await;
    for _ in 0..hits {
        cache.get::<u32>("there").await;
    }
    for _ in 0..misses {
        cache.get::<u32>("not there").await;
    }
}

fn begin(builder: AlertWatchBuilder) -> AlertWatch {
    builder.begin().expect("valid thresholds")
}

async fn seconds(seconds: u64) {
    // A little more, so that those who wait for the same moment are done.
    sleep(Duration::from_secs(seconds) + Duration::from_millis(1)).await;
}

#[test]
fn alr_1_thresholds_are_as_documented() {
    let thresholds = AlertThresholds::default();
    assert_eq!(thresholds.hit_ratio, Threshold::new(0.7, 0.5));
    assert_eq!(thresholds.memory_mb, Threshold::new(100.0, 200.0));
    assert_eq!(thresholds.operation_time_ms, Threshold::new(10.0, 50.0));
    assert_eq!(AlertWatch::PACE, Duration::from_secs(30));
    assert_eq!(AlertWatch::PACE_OF_RESOURCES, Duration::from_secs(60));
}

#[test]
fn alr_2_thresholds_that_cannot_be_used_are_refused() {
    let usual = AlertThresholds::default();
    let nan = f64::NAN;
    for (thresholds, problems) in [
        (usual, 0),
        (usual.hit_ratio(1.0, 0.0), 0),
        (usual.hit_ratio(0.5, 0.7), 1),
        (usual.hit_ratio(0.5, 0.5), 1),
        (usual.hit_ratio(nan, 0.5), 1),
        (usual.hit_ratio(0.7, nan), 1),
        (usual.hit_ratio(1.1, -0.1), 2),
        (usual.hit_ratio(70.0, 50.0), 2),
        (usual.memory_mb(200.0, 100.0), 1),
        (usual.memory_mb(100.0, 100.0), 1),
        (usual.memory_mb(nan, nan), 2),
        (usual.memory_mb(1.0, f64::INFINITY), 1),
        (usual.memory_mb(-1.0, 1.0), 1),
        (usual.operation_time_ms(50.0, 10.0), 1),
        (usual.operation_time_ms(0.0, 1e300), 0),
        (usual.error_rate(0.5, 0.1), 1),
        (usual.error_rate(0.5, 1.1), 1),
        (usual.hit_ratio(nan, 0.1).memory_mb(2.0, 1.0), 2),
    ] {
        let found = match thresholds.check() {
            Err(CacheError::Configuration { problems, .. }) => problems,
            Err(other) => panic!("{other}"),
            Ok(()) => Vec::new(),
        };
        assert_eq!(found.len(), problems, "{thresholds:?}: {found:?}");
        let begun = AlertWatch::builder().thresholds(thresholds).begin();
        // Outside of a runtime nothing is watched, but what cannot be used is refused.
        assert_eq!(begun.is_err(), problems > 0, "{thresholds:?}");
    }
    let error = usual
        .hit_ratio(0.5, 0.7)
        .check()
        .expect_err("the wrong way round");
    let expected = "invalid cache configuration: alert threshold hit_ratio.warning is 0.5, expected \
                    one above hit_ratio.critical (0.7): a warning comes first";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test(start_paused = true)]
async fn alr_3_a_look_is_taken_at_once_and_every_half_a_minute() {
    let (cache, told) = (in_memory("paced"), Told::new());
    ask(&cache, 6, 4).await;
    let watch = begin(
        AlertWatch::builder()
            .cache("paced", &cache)
            .sink(told.sink()),
    );
    seconds(1).await;
    told.is(&[(0, "paced", HitRatio, Warning)]);
    ask(&cache, 90, 10).await;
    seconds(30).await;
    ask(&cache, 40, 60).await;
    seconds(28).await;
    told.is(&[(0, "paced", HitRatio, Warning)]);
    seconds(1).await;
    told.is(&[
        (0, "paced", HitRatio, Warning),
        (60, "paced", HitRatio, Critical),
    ]);
    assert!(watch.is_running());
}

#[tokio::test(start_paused = true)]
async fn alr_3_memory_is_looked_at_every_minute() {
    let (cache, told) = (in_memory("full"), Told::new());
    // Above what an empty table has.
    let empty = f64::from(u32::try_from(cache.stats().memory_usage_bytes).expect("few bytes"));
    let most = empty / (1024.0 * 1024.0) + 0.01;
    let thresholds = AlertThresholds::default().memory_mb(most, 1e6);
    let watch = AlertWatch::builder().cache("full", &cache);
    let _watch = begin(watch.thresholds(thresholds).sink(told.sink()));
    seconds(1).await;
    told.is(&[]);
    for key in 0..500 {
        cache.set(&key.to_string(), 1_u32).await;
    }
    seconds(58).await;
    told.is(&[]);
    seconds(1).await;
    told.is(&[(60, "full", Memory, Warning)]);
    cache.clear().await;
    seconds(120).await;
    told.is(&[(60, "full", Memory, Warning)]);
}

#[tokio::test(start_paused = true)]
async fn alr_3_a_store_that_does_not_answer_for_what_is_over_is_one_too() {
    #[cached(kind = "over.away", op = "answer", ttl = "1s", stale_if_error = "1h")]
    async fn answer(id: u32) -> Result<u32, String> {
        Ok(id)
    }
    let (store, clock) = (Arc::<MapStore>::default(), ManualClock::new());
    let config = roomy().build().expect("valid settings");
    let builder = Cache::builder("over.away", &config).store(store.clone());
    let cache = builder.clock(clock.clone()).build().expect("a cache");
    larder::register(cache.clone());
    for is_away in [false, true] {
        store.hangs.store(is_away, Ordering::SeqCst);
        for id in 0..20 {
            answer(id).await.expect("an answer");
        }
        clock.advance(Duration::from_secs(2));
    }
    let counts = cache.statistics().operations["answer"].counts.clone();
    let [away, timed_out] = [MissReason::StoreAway, MissReason::StoreTimedOut];
    assert_eq!(
        counts.missed_because(away) + counts.missed_because(timed_out),
        20
    );
}

#[tokio::test(start_paused = true)]
async fn alr_4_a_check_that_fails_three_times_in_a_row_is_critical() {
    let store = Arc::<MapStore>::default();
    let config = roomy().fail_on_connection_error(true).build();
    let builder = Cache::builder("needs", &config.expect("valid settings"));
    let cache = builder.store(store.clone()).build().expect("a cache");
    let told = Told::new();
    let _watch = begin(
        AlertWatch::builder()
            .cache("needs", &cache)
            .sink(told.sink()),
    );
    seconds(1).await;
    told.is(&[]);
    store.hangs.store(true, Ordering::SeqCst);
    seconds(120).await;
    told.is(&[
        (30, "needs", Health, Error),
        (90, "needs", Health, Critical),
    ]);
    store.hangs.store(false, Ordering::SeqCst);
    seconds(60).await;
    store.hangs.store(true, Ordering::SeqCst);
    seconds(60).await;
    let alerts = told.alerts.lock().expect("no panic").len();
    assert!(alerts >= 3, "it is told again after it was well");
}

#[tokio::test(start_paused = true)]
async fn alr_3_a_store_that_does_not_answer_is_an_error_rate_and_a_kind_that_is_degraded() {
    let store = Arc::<MapStore>::default();
    let config = roomy().build().expect("valid settings");
    let builder = Cache::builder("away", &config).store(store.clone());
    let cache = builder.build().expect("a cache");
    store.hangs.store(true, Ordering::SeqCst);
    let told = Told::new();
    let thresholds = AlertThresholds::default().hit_ratio(0.1, 0.0);
    cache.set("there", 1).await;
    for _ in 0..30 {
        cache.get::<i32>("there").await;
    }
    for key in 0..20 {
        cache.get_or_compute(&key.to_string(), async || key).await;
    }
    let watch = AlertWatch::builder().thresholds(thresholds);
    let _watch = begin(watch.cache("away", &cache).sink(told.sink()));
    seconds(1).await;
    let alerts = told.alerts.lock().expect("no panic").clone();
    let levels: Vec<_> = alerts
        .iter()
        .map(|(_, it)| (it.subject, it.level))
        .collect();
    assert_eq!(levels, [(ErrorRate, Critical), (Health, Warning)]);
}

#[tokio::test(start_paused = true)]
async fn alr_5_without_traffic_nobody_is_told() {
    let (cache, told) = (in_memory("idle"), Told::new());
    let _watch = begin(
        AlertWatch::builder()
            .cache("idle", &cache)
            .sink(told.sink()),
    );
    ask(&cache, 0, 1).await;
    seconds(3600).await;
    told.is(&[]);
}

#[tokio::test(start_paused = true)]
async fn alr_5_of_one_call_that_the_store_did_not_answer_nothing_is_said() {
    let store = Arc::<MapStore>::default();
    let config = roomy().build().expect("valid settings");
    let builder = Cache::builder("once", &config).store(store.clone());
    let cache = builder.build().expect("a cache");
    let told = Told::new();
    let watch = AlertWatch::builder().cache("once", &cache);
    let _watch = begin(watch.sink(told.sink()));
    seconds(1).await;
    cache.get_or_compute("there", async || 1).await;
    for _ in 0..100 {
        cache.get_or_compute("there", async || 1).await;
    }
    store.hangs.store(true, Ordering::SeqCst);
    cache.get_or_compute("late", async || 1).await;
    store.hangs.store(false, Ordering::SeqCst);
    seconds(30).await;
    told.is(&[]);
    // With what comes next it is one of ten.
    for key in 0..8 {
        cache.get_or_compute(&key.to_string(), async || key).await;
    }
    seconds(30).await;
    told.is(&[(60, "once", ErrorRate, Warning)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_over_is_told_to_those_who_ask_for_it_when_it_lasts() {
    let (cache, told, ended) = (in_memory("mended"), Told::new(), Told::new());
    ask(&cache, 0, 10).await;
    let watch = AlertWatch::builder().cache("mended", &cache);
    let watch = watch.sink(told.sink()).recovered(ended.sink());
    let _watch = begin(watch.recovered(|_| panic!("as the test wants it")));
    seconds(1).await;
    for _ in 0..3 {
        ask(&cache, 60, 40).await;
        seconds(30).await;
    }
    let expected = [
        (0, "mended", HitRatio, Critical),
        (90, "mended", HitRatio, Warning),
    ];
    told.is(&expected);
    for _ in 0..2 {
        ask(&cache, 90, 10).await;
        seconds(30).await;
    }
    // Nobody asks for anything: that is no recovery.
    seconds(30).await;
    ended.is(&[]);
    for _ in 0..4 {
        ask(&cache, 90, 10).await;
        seconds(30).await;
        ended.is(&[(210, "mended", HitRatio, Warning)]);
    }
    told.is(&expected);
}

#[tokio::test(start_paused = true)]
async fn what_was_told_of_a_cache_that_is_gone_is_over_once() {
    let (log, _guard) = Log::collect_here(tracing::Level::INFO);
    let (cache, told, ended) = (in_memory("gone"), Told::new(), Told::new());
    ask(&cache, 0, 10).await;
    let watch = AlertWatch::builder().cache("gone", &cache);
    let _silent = begin(AlertWatch::builder().cache("gone", &cache));
    let _watch = begin(watch.sink(told.sink()).recovered(ended.sink()));
    seconds(1).await;
    drop(cache);
    seconds(120).await;
    told.is(&[(0, "gone", HitRatio, Critical)]);
    ended.is(&[(30, "gone", HitRatio, Critical)]);
    let lines = log.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].contains("the cache is gone") && lines[1].contains("hit_ratio"));
}

#[tokio::test(start_paused = true)]
async fn what_was_told_of_a_kind_is_over_when_it_is_unregistered_or_another_one_has_its_name() {
    let ended = Told::new();
    let _watch = begin(AlertWatch::builder().sink(|_| {}).recovered(ended.sink()));
    let mut ends = Vec::new();
    for round in 0..2 {
        ask(&register("alerts.gone", roomy()), 0, 10).await;
        seconds(30).await;
        let alerts = ended.alerts.lock().expect("no panic").clone();
        let about = alerts.iter().filter(|(_, it)| it.kind == "alerts.gone");
        ends = about.map(|(_, it)| (it.subject, it.level)).collect();
        assert_eq!(ends, vec![(HitRatio, Critical); round]);
    }
    drop(larder::unregister("alerts.gone"));
    seconds(60).await;
    let alerts = ended.alerts.lock().expect("no panic").clone();
    let about = alerts.iter().filter(|(_, it)| it.kind == "alerts.gone");
    assert_eq!(about.count(), 1 + ends.len());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_is_unhealthy_and_no_end_of_the_watch() {
    let store = Arc::<MapStore>::default();
    let panics = store.on_connections.set(|| panic!("as the test wants it"));
    panics.expect("not set");
    let config = roomy().build().expect("valid settings");
    let builder = Cache::builder("panics", &config).store(store.clone());
    let cache = builder.build().expect("a cache");
    cache.set("key", 1).await;
    let told = Told::new();
    let thresholds = AlertThresholds::default().memory_mb(0.0, 1e6);
    let watch = AlertWatch::builder().thresholds(thresholds);
    let watch = begin(watch.cache("panics", &cache).sink(told.sink()));
    seconds(1).await;
    told.is(&[(0, "panics", Health, Error), (0, "panics", Memory, Warning)]);
    seconds(120).await;
    assert!(watch.is_running());
}

#[test]
fn an_application_that_occupies_all_threads_for_long_work_is_watched_all_the_same() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build();
    runtime.expect("a runtime").block_on(async {
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let occupied = tokio::task::spawn_blocking(move || may_go_on.recv());
        let (cache, told) = (in_memory("occupied"), Told::new());
        let pace = Duration::from_millis(100);
        let watch = AlertWatch::builder().cache("occupied", &cache);
        let watch = watch.every(pace).resources_every(pace);
        let watch = begin(watch.sink(told.sink()));
        // The first look finds nothing, and then one at memory is due.
        sleep(pace / 2).await;
        ask(&cache, 0, 10).await;
        eventually("it is told", async || {
            !told.alerts.lock().expect("no panic").is_empty()
        })
        .await;
        assert!(watch.is_running());
        drop(go_on);
        let _gone = occupied.await;
    });
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_sink_keeps_nobody_from_being_told() {
    let (log, _guard) = Log::collect_warnings_here();
    let (cache, told) = (in_memory("loud"), Told::new());
    ask(&cache, 6, 4).await;
    let watch = AlertWatch::builder().cache("loud", &cache);
    let watch = watch.sink(|_| panic!("CANARY")).sink(told.sink());
    let watch = begin(watch);
    seconds(1).await;
    told.is(&[(0, "loud", HitRatio, Warning)]);
    assert!(watch.is_running());
    ask(&cache, 40, 60).await;
    seconds(30).await;
    told.is(&[
        (0, "loud", HitRatio, Warning),
        (30, "loud", HitRatio, Critical),
    ]);
    let lines = log.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines
            .iter()
            .all(|line| line.contains("has panicked") && !line.contains("CANARY"))
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_sink_alerts_are_logged() {
    let (log, _guard) = Log::collect_warnings_here();
    let cache = in_memory("logged");
    ask(&cache, 0, 10).await;
    let _watch = begin(AlertWatch::builder().cache("logged", &cache));
    seconds(100).await;
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("0.0 % of the requests are hits, less than 50.0 %"));
    assert!(lines[0].contains("ERROR") && lines[0].contains("logged"));
}

#[tokio::test(start_paused = true)]
async fn each_cache_is_watched_under_its_name() {
    let (one, other, told) = (in_memory("web"), in_memory("web"), Told::new());
    ask(&one, 0, 10).await;
    ask(&other, 10, 0).await;
    let watch = AlertWatch::builder()
        .cache("good", &other)
        .cache("bad", &one);
    let _watch = begin(watch.sink(told.sink()));
    seconds(1).await;
    told.is(&[(0, "bad", HitRatio, Critical)]);
}

#[tokio::test(start_paused = true)]
async fn kinds_that_are_registered_are_watched_where_none_is_named() {
    let told = Told::new();
    let _watch = begin(AlertWatch::builder().sink(told.sink()));
    seconds(1).await;
    let cache = register("alerts.late", roomy());
    ask(&cache, 0, 10).await;
    seconds(30).await;
    let alerts = told.alerts.lock().expect("no panic").clone();
    let about = alerts.iter().filter(|(_, it)| it.kind == "alerts.late");
    let about: Vec<_> = about.map(|(at, it)| (*at, it.level)).collect();
    assert_eq!(about, [(30, Critical)]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_keeps_no_cache_and_ends_with_its_guard() {
    let (cache, told) = (in_memory("short"), Told::new());
    let weak = cache.downgrade();
    let watch = begin(
        AlertWatch::builder()
            .cache("short", &cache)
            .sink(told.sink()),
    );
    seconds(1).await;
    drop(cache);
    assert!(weak.upgrade().is_none());
    seconds(60).await;
    assert!(watch.is_running());
    assert!(Arc::strong_count(&told.alerts) > 1);
    drop(watch);
    seconds(1).await;
    assert_eq!(Arc::strong_count(&told.alerts), 1, "the sink is gone");
}

#[test]
fn nothing_is_watched_on_a_runtime_without_timers() {
    let (log, _guard) = Log::collect_warnings_here();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(async {
        let watch = begin(AlertWatch::builder());
        assert!(!watch.is_running());
    });
    assert!(
        log.lines()
            .iter()
            .any(|line| line.contains("nobody is told"))
    );
}
