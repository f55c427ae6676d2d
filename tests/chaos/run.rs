//! One fault from its beginning until nobody notices it any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fixture::{RedisServer, Reply};
use futures_util::future::join_all;
use larder::call::{self, MissReason, Origin};
use larder::{Cache, CacheConfigBuilder};
use tokio::sync::{Mutex, MutexGuard};

use crate::calls::{Calls, Subject, Tally};
use crate::figures::{Figures, MemoryWatch, Spread};
use crate::functions::{Question, Wrong, in_memory_too, in_store_alone};
use crate::support::{eventually, roomy};

const TASKS: usize = 64;

/// How long anything may take that has no limit of its own: a busy machine must not break it.
const PATIENCE: Duration = Duration::from_secs(20);

/// One fault at a time: all of them have the same kinds, and none is to be measured beside another.
static TURN: Mutex<()> = Mutex::const_new(());

/// Settings over this address with room for everything in memory; as they come where times are the
/// subject, else with more attempts to connect, so that nobody waits for them.
pub(crate) fn over(url: &str) -> CacheConfigBuilder {
    let config = roomy().l1_cache_size(10_000).redis_url(url);
    if is_long() {
        config
    } else {
        config.open_for(Duration::from_millis(100))
    }
}

/// Whether the server is a master that takes commands, as it says itself.
pub(crate) fn is_master(server: &RedisServer) -> bool {
    let is = |reply: &Reply, text: &str| matches!(reply, Reply::Text(it) if it == text);
    let role = server.command(&["ROLE"]);
    matches!(role, Reply::List(fields) if fields[0].text() == "master")
        && is(&server.command(&["PING"]), "PONG")
}

#[track_caller]
pub(crate) fn tell(server: &RedisServer, command: &[&str]) {
    let answer = server.command(command);
    assert!(
        !matches!(answer, Reply::Error(_)),
        "{command:?}: {answer:?}"
    );
}

/// Calls over one server, or what takes its place, and the fault that it has.
pub(crate) struct Run {
    room: &'static str,
    fault: &'static str,
    config: CacheConfigBuilder,
    pub(crate) subjects: [Arc<Subject>; 2],
    /// Whether the server goes on to answer, if only that it does not want to.
    still_answers: bool,
    /// How long calls are made under the fault, at least.
    lasts: Duration,
    /// So many values in a row have to be written and read until everything is as before.
    probes: usize,
    memory: MemoryWatch,
    /// Of the calls before and after the fault, and of those under it.
    around: Tally,
    under: Tally,
    _turn: MutexGuard<'static, ()>,
}

/// How many calls there are for every fault.
pub(crate) fn all_calls() -> usize {
    let calls = std::env::var("LARDER_CHAOS_CALLS");
    calls.map_or(500, |calls| calls.parse().expect("a number of calls"))
}

/// Whether times are measured, which takes longer and many calls.
fn is_long() -> bool {
    all_calls() >= 5000
}

impl Run {
    /// A fault of this name, with caches that nobody has asked yet.
    pub(crate) async fn new(
        room: &'static str,
        fault: &'static str,
        config: CacheConfigBuilder,
    ) -> Self {
        Self::with_filler(room, fault, config, 40).await
    }

    /// With so many numbers in each answer, eight bytes each.
    pub(crate) async fn with_filler(
        room: &'static str,
        fault: &'static str,
        config: CacheConfigBuilder,
        filler: usize,
    ) -> Self {
        let turn = TURN.lock().await;
        let memory = MemoryWatch::start();
        let subjects = [
            (
                in_memory_too::NAME,
                in_memory_too::call as _,
                config.clone(),
            ),
            (
                in_store_alone::NAME,
                in_store_alone::call as _,
                config.clone().enable_l1_cache(false),
            ),
        ];
        Self {
            room,
            fault,
            config,
            subjects: subjects
                .map(|(name, call, config)| Subject::new(name, call, &config, filler)),
            still_answers: false,
            lasts: Duration::from_millis(if is_long() { 2000 } else { 200 }),
            probes: 1,
            memory,
            around: Tally::default(),
            under: Tally::default(),
            _turn: turn,
        }
    }

    /// A fault of a server that answers.
    pub(crate) fn still_answers(mut self) -> Self {
        self.still_answers = true;
        self
    }

    pub(crate) fn lasts(&self) -> Duration {
        self.lasts
    }

    /// Where there are several servers, so many values in a row meet all of them.
    pub(crate) fn probes(mut self, probes: usize) -> Self {
        self.probes = probes;
        self
    }

    /// Connects, has every question answered and in the store, and makes the calls before the fault.
    pub(crate) async fn before(&mut self) {
        join_all(self.subjects.iter().map(|subject| warm(subject))).await;
        let calls = Calls::start(&self.subjects, TASKS, all_calls() / 5, self.lasts / 4);
        self.around.add(calls.finish().await);
        for subject in &self.subjects {
            assert!(subject.cache.flush(PATIENCE).await);
        }
    }

    /// Makes the calls under the fault.
    pub(crate) async fn under(&mut self) {
        self.under_while(|| ()).await;
    }

    /// The same while the fault happens.
    pub(crate) async fn under_while(&mut self, happens: impl FnOnce()) {
        for subject in &self.subjects {
            subject.begin_anew();
        }
        let calls = Calls::start(&self.subjects, TASKS, all_calls() / 5 * 3, self.lasts);
        // On the thread of the test: the calls have others.
        happens();
        self.under.add(calls.finish().await);
    }

    /// The fault is over: waits until a master answers, makes the calls after it, and looks what has
    /// become of everything.
    pub(crate) async fn after(mut self, answers: impl Fn() -> bool) -> Figures {
        eventually("a master answers", async || answers()).await;
        let answered = Instant::now();
        let subjects = self.subjects.clone();
        let recovery = async {
            recovered(&subjects[1].cache, self.probes).await;
            answered.elapsed()
        };
        let calls = || Calls::start(&self.subjects, TASKS, all_calls() / 10, self.lasts / 8);
        let while_it_recovers = calls();
        let recovery = tokio::time::timeout(PATIENCE, recovery).await;
        let recovery = recovery.expect("values are written and read again");
        for calls in [while_it_recovers, calls()] {
            self.around.add(calls.finish().await);
        }
        // The next ones to ask tell the store of what is untold: nobody is to ask.
        let mut told = None;
        while is_long() && told.is_none() && answered.elapsed() < PATIENCE {
            let is_told = self.served().await.lost == 0;
            told = is_told.then(|| answered.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for subject in &self.subjects {
            assert!(subject.cache.flush(PATIENCE).await, "the store is told");
        }
        let mut served = self.served().await;
        // Until this process knows of another master, the old one confirms what the new one has never
        // got; then that is told again.
        while served.lost > 0 && answered.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(50)).await;
            served = self.served().await;
        }
        self.conclude(Some(recovery), told, served)
    }

    /// The fault never ends.
    pub(crate) fn for_ever(self) -> Figures {
        self.conclude(None, None, Served::default())
    }

    /// What another process finds in the store.
    async fn served(&self) -> Served {
        let mut served = Served::default();
        for subject in &self.subjects {
            let other = subject.another_process(&self.config);
            connect(&other).await;
            let peeked = Question::all().map(async |question| {
                let call = (subject.call)(&other, &subject.source, question);
                Some((question, call::peek(call).await?.ok()?))
            });
            for (question, answer) in join_all(peeked).await.into_iter().flatten() {
                let acknowledged = subject.source.acknowledged(question);
                served.values += 1;
                match subject.source.judge(question, &answer, acknowledged) {
                    None => {}
                    Some(Wrong::Stale(_)) => served.lost += 1,
                    Some(Wrong::Foreign) => served.foreign += 1,
                }
            }
        }
        served
    }

    fn conclude(
        self,
        recovery: Option<Duration>,
        told: Option<Duration>,
        served: Served,
    ) -> Figures {
        let Self { around, under, .. } = &self;
        let all = || around.samples.iter().chain(&under.samples);
        let wrong: Vec<_> = all().filter_map(|sample| sample.wrong).collect();
        let stale = wrong.iter().map(|(_, wrong)| match wrong {
            Wrong::Stale(time) => *time,
            Wrong::Foreign => Duration::ZERO,
        });
        let missed = |reason| {
            let samples = under.samples.iter();
            samples.filter(move |sample| sample.miss == Some(reason))
        };
        let left_alone = missed(MissReason::StoreAway)
            .filter(|sample| sample.began_alone && !self.still_answers);
        let timed_out = || missed(MissReason::StoreTimedOut);
        let figures = Figures {
            room: self.room,
            fault: self.fault,
            calls: all().count(),
            calls_under_fault: under.samples.len(),
            wrong: wrong.len() + served.foreign,
            errors: all().filter(|sample| sample.failed).count(),
            panics: around.panics + under.panics,
            invalidations: around.invalidations + under.invalidations,
            lost: served.lost,
            served_elsewhere: served.values,
            overhead: Spread::of(under.samples.iter().map(|sample| sample.overhead)),
            left_alone: Spread::of(left_alone.map(|sample| sample.overhead)),
            timed_out: timed_out().count(),
            waited_again: timed_out().filter(|sample| sample.began_alone).count(),
            recovery: recovery.map(|time| time.as_micros()),
            told: told.map(|time| time.as_micros()),
            stale: stale.max().unwrap_or_default().as_micros(),
            memory_kib: self.memory.growth_kib(),
        };
        figures.publish();
        let fault = self.fault;
        let first = wrong.iter().take(5).collect::<Vec<_>>();
        assert_eq!(figures.wrong, 0, "wrong answers under {fault}: {first:?} …");
        assert_eq!(figures.errors, 0, "errors under {fault}");
        assert_eq!(figures.panics, 0, "panics under {fault}");
        assert_eq!(figures.lost, 0, "lost invalidations under {fault}");
        assert_eq!(figures.calls, all_calls() / 5 * 3 + around.samples.len());
        figures
    }
}

/// What another process was served.
#[derive(Clone, Copy, Debug, Default)]
struct Served {
    values: usize,
    /// Invalidated before.
    lost: usize,
    foreign: usize,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.samples.extend(other.samples);
        self.invalidations += other.invalidations;
        self.panics += other.panics;
    }
}

/// Has every question answered and in the store.
async fn warm(subject: &Subject) {
    connect(&subject.cache).await;
    let questions: Vec<_> = Question::all().collect();
    // A few at once, so that none of them takes too long to be stored.
    for questions in questions.chunks(25) {
        let asked = questions.iter().map(|question| subject.ask(*question));
        for sample in join_all(asked).await {
            assert_eq!((sample.wrong, sample.failed), (None, false), "{sample:?}");
        }
    }
    assert!(subject.cache.flush(PATIENCE).await);
}

async fn connect(cache: &Cache) {
    eventually("the store answers", async || {
        cache.connect().await && cache.ping().await
    })
    .await;
}

/// Returns when so many values in a row were written and then read.
async fn recovered(cache: &Cache, probes: usize) {
    let mut in_a_row = 0;
    for number in 0.. {
        in_a_row += 1;
        if !is_written_and_read(cache, number).await {
            in_a_row = 0;
        }
        if in_a_row == probes {
            return;
        }
    }
}

async fn is_written_and_read(cache: &Cache, number: u32) -> bool {
    let key = format!("probe:{number}");
    for _ in 0..5 {
        let outcome = call::outcome(cache.get_or_compute(&key, || async { number })).await;
        if outcome.origin == Origin::Store {
            return outcome.value == number;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    false
}
