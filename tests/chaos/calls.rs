//! Calls by many tasks, while what they ask for is invalidated.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use larder::call::{self, MissReason, Origin};
use larder::{Cache, CacheConfigBuilder};
use tokio::task::JoinHandle;

use crate::functions::{Call, Question, Source, Wrong};
use crate::support::register;

/// One kind of cache, and what its functions ask.
#[derive(Debug)]
pub(crate) struct Subject {
    name: &'static str,
    pub(crate) call: Call,
    pub(crate) cache: Cache,
    pub(crate) source: Source,
    /// Whether the last call that wanted to ask the store was told at once that it is away.
    is_left_alone: AtomicBool,
}

/// What one call came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// What the call took and its body, or that of the call that it waited for, did not.
    pub(crate) overhead: Duration,
    pub(crate) failed: bool,
    pub(crate) wrong: Option<(Question, Wrong)>,
    pub(crate) miss: Option<MissReason>,
    /// Whether the store was known to be away when the call began.
    pub(crate) began_alone: bool,
}

/// Calls that are being made.
#[derive(Debug)]
pub(crate) struct Calls {
    callers: Vec<JoinHandle<Vec<Sample>>>,
    invalidators: Vec<JoinHandle<usize>>,
    are_over: Arc<AtomicBool>,
}

/// What has become of calls.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) samples: Vec<Sample>,
    pub(crate) invalidations: usize,
    pub(crate) panics: usize,
}

impl Subject {
    pub(crate) fn new(
        name: &'static str,
        call: Call,
        config: &CacheConfigBuilder,
        filler: usize,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            call,
            cache: register(name, config.clone()),
            source: Source::new(filler),
            is_left_alone: AtomicBool::new(false),
        })
    }

    /// A cache as another process has it. From now on the functions ask that one.
    pub(crate) fn another_process(&self, config: &CacheConfigBuilder) -> Cache {
        register(self.name, config.clone())
    }

    /// Whatever the store was until now is not what it is from now on.
    pub(crate) fn begin_anew(&self) {
        self.is_left_alone.store(false, Ordering::SeqCst);
    }

    /// Asks one question.
    pub(crate) async fn ask(&self, question: Question) -> Sample {
        let acknowledged = self.source.acknowledged(question);
        let began_alone = self.is_left_alone.load(Ordering::SeqCst);
        let began = Instant::now();
        let call = (self.call)(&self.cache, &self.source, question);
        let outcome = call::outcome(call).await;
        let took = began.elapsed();
        if outcome.origin == Origin::Store || outcome.miss.is_some() {
            let is_left_alone = outcome.miss == Some(MissReason::StoreAway);
            self.is_left_alone.store(is_left_alone, Ordering::SeqCst);
        }
        let answer = outcome.value.as_ref().ok();
        let wrong = answer.and_then(|answer| self.source.judge(question, answer, acknowledged));
        let body = match outcome.origin {
            Origin::Computed | Origin::Joined => answer.map(|answer| answer.took),
            _ => None,
        };
        Sample {
            overhead: took.saturating_sub(body.unwrap_or_default()),
            failed: outcome.value.is_err(),
            wrong: wrong.map(|wrong| (question, wrong)),
            miss: outcome.miss,
            began_alone,
        }
    }

    async fn ask_for(&self, calls: usize, pause: Duration) -> Vec<Sample> {
        let mut random = fastrand::Rng::new();
        let mut samples = Vec::with_capacity(calls);
        for _ in 0..calls {
            tokio::time::sleep(pause.mul_f64(random.f64() + 0.5)).await;
            samples.push(self.ask(Question::asked(&mut random)).await);
        }
        samples
    }

    async fn invalidate_until(&self, are_over: &AtomicBool, pause: Duration) -> usize {
        let mut random = fastrand::Rng::new();
        let mut invalidations = 0;
        while !are_over.load(Ordering::SeqCst) {
            let question = if invalidations % 2 == 0 {
                Question::left(&mut random)
            } else {
                Question::asked(&mut random)
            };
            let wide = invalidations % 16 == 7;
            self.source
                .change(self.call, &self.cache, question, wide)
                .await;
            invalidations += 1;
            tokio::time::sleep(pause.mul_f64(random.f64() + 0.5)).await;
        }
        invalidations
    }
}

impl Calls {
    /// Has `tasks` tasks make `calls` calls within `time`, and others invalidate all the while.
    pub(crate) fn start(
        subjects: &[Arc<Subject>],
        tasks: usize,
        calls: usize,
        time: Duration,
    ) -> Self {
        let are_over = Arc::<AtomicBool>::default();
        let callers = (0..tasks).map(|task| {
            let subject = subjects[task % subjects.len()].clone();
            // What is left over is made by the first ones.
            let calls = calls / tasks + usize::from(task < calls % tasks);
            let pause = time / u32::try_from(calls.max(1)).unwrap_or(u32::MAX);
            tokio::spawn(async move { subject.ask_for(calls, pause).await })
        });
        let callers = callers.collect();
        let invalidators = subjects.iter().map(|subject| {
            let (subject, are_over) = (subject.clone(), are_over.clone());
            tokio::spawn(async move {
                let pause = time / 40;
                subject.invalidate_until(&are_over, pause).await
            })
        });
        let invalidators = invalidators.collect();
        Self {
            callers,
            invalidators,
            are_over,
        }
    }

    /// Waits until all calls are made.
    pub(crate) async fn finish(self) -> Tally {
        let mut tally = Tally::default();
        for caller in self.callers {
            match caller.await {
                Ok(samples) => tally.samples.extend(samples),
                Err(_panic) => tally.panics += 1,
            }
        }
        self.are_over.store(true, Ordering::SeqCst);
        for invalidator in self.invalidators {
            match invalidator.await {
                Ok(invalidations) => tally.invalidations += invalidations,
                Err(_panic) => tally.panics += 1,
            }
        }
        tally
    }
}
