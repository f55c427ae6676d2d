//! Random sequences of what an application can do, on a cache and on a reference that is written from
//! the documentation: every value, origin, run of a body and count is the same.
//!
//! `reference` is the specification, `steps` is what a sequence consists of, `real` is the cache that
//! is tested, and `promises` are a few rules that are checked beside, without the reference.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "modules of a test")]

mod observed;
mod promises;
mod real;
mod reference;
mod steps;
#[path = "../support/mod.rs"]
mod support;

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use proptest::test_runner::{Config, TestCaseError, TestRunner};

use promises::Promises;
use real::Real;
use reference::Reference;
use steps::{All, Caller, Ending, Function, Key, Step, Steps, Verb, Way};

/// The kind is one for the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn a_cache_in_memory_does_what_the_reference_says() {
    check(false);
}

#[test]
fn a_cache_over_a_store_does_what_the_reference_says() {
    check(true);
}

/// What went wrong once, or what few random sequences reach.
#[test]
fn rare_sequences_do_what_the_reference_says() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let of = |function| Key {
        function,
        id: 0,
        tenant: None,
    };
    let key = of(Function::Guarded);
    // Removed while a body runs that has it in case of a failure.
    let removed_spare = vec![
        Step::Call(key, Way::Told, Ending::Value),
        Step::Advance(100),
        Step::Begin(key, Way::Told),
        Step::Forget(key, Verb::Remove),
        Step::Finish(0, Ending::Failure),
    ];
    // A body from before an invalidation has nothing to say about what came after it.
    let late_refresh = vec![
        Step::Begin(key, Way::Refresh),
        Step::Invalidate(All::Tag, key, Verb::Remove),
        Step::Call(key, Way::Told, Ending::Value),
        Step::Finish(0, Ending::Value),
        Step::Call(key, Way::Told, Ending::Value),
    ];
    let key = of(Function::Negative);
    // A failure takes the place of no value, however old its caller takes one.
    let failure_for_value = vec![
        Step::Call(key, Way::Told, Ending::Value),
        Step::Advance(1),
        Step::Call(key, Way::MaxAge(0), Ending::Failure),
        Step::Call(key, Way::Told, Ending::Value),
    ];
    let key = of(Function::Mixed);
    // A failure is served for `err_ttl` and no longer.
    let stale_failure = vec![
        Step::Call(key, Way::Told, Ending::Failure),
        Step::Advance(20),
        Step::Call(key, Way::Told, Ending::Failure),
    ];
    let key = of(Function::Everything);
    // The pause after a failure outlives a look into the store.
    let pause_in_background = vec![
        Step::Call(key, Way::Told, Ending::Value),
        Step::Advance(50),
        Step::Call(key, Way::Told, Ending::Failure),
        Step::Call(key, Way::Told, Ending::Failure),
    ];
    let pause_and_peek = vec![
        Step::Call(key, Way::Told, Ending::Value),
        Step::Advance(150),
        Step::Begin(key, Way::Told),
        Step::Peek(key),
        Step::Finish(0, Ending::Failure),
        Step::Call(key, Way::Told, Ending::Failure),
    ];
    let mut second_panic = vec![Step::Begin(of(Function::Plain), Way::Told); 6];
    // One tries again after a panic, the rest side by side after two.
    second_panic.extend([Step::Finish(0, Ending::Panic); 2]);
    second_panic.extend([Step::Finish(0, Ending::Value); 4]);
    let key = of(Function::Mixed);
    // Who waits takes what there is when its turn comes.
    let waited_long = vec![
        Step::Call(key, Way::Told, Ending::Value),
        Step::Advance(299),
        Step::Begin(key, Way::Told),
        Step::Begin(key, Way::Told),
        Step::Advance(1),
        Step::Finish(0, Ending::Panic),
        Step::Finish(0, Ending::Failure),
        Step::Call(key, Way::Told, Ending::Value),
    ];
    let key = of(Function::Guarded);
    let waited_too_long = vec![
        Step::Call(key, Way::Told, Ending::Value),
        Step::Forget(key, Verb::Expire),
        Step::Begin(key, Way::Told),
        Step::Begin(key, Way::MaxAge(10)),
        Step::Advance(20),
        Step::Drop(0),
        Step::Finish(0, Ending::Failure),
    ];
    // No pause after a failure is longer than the value may be served.
    let over_in_a_pause = vec![
        Step::Call(key, Way::Told, Ending::Value),
        Step::Advance(299),
        Step::Call(key, Way::Told, Ending::Failure),
        Step::Advance(1),
        Step::Call(key, Way::Told, Ending::Failure),
    ];
    let sequences = [
        over_in_a_pause,
        second_panic,
        waited_long,
        waited_too_long,
        removed_spare,
        late_refresh,
        failure_for_value,
        stale_failure,
        pause_in_background,
        pause_and_peek,
    ];
    for steps in sequences {
        for with_store in [false, true] {
            let ran = run(&steps, with_store);
            assert_eq!(ran, Ok(()), "{:?}", Steps(steps.clone()));
        }
    }
}

fn check(with_store: bool) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let cases = std::env::var("PROPTEST_CASES").ok();
    let cases = cases.and_then(|cases| cases.parse().ok()).unwrap_or(500);
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    });
    let checked = runner.run(&steps::steps(), |steps| {
        run(&steps.0, with_store).map_err(TestCaseError::fail)
    });
    if let Err(failure) = checked {
        panic!("{failure}");
    }
}

/// On one thread, and on a clock for time-outs that stands.
fn run(steps: &[Step], with_store: bool) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(Sequence::new(with_store).run(steps))
}

/// One sequence on both.
struct Sequence {
    real: Real,
    reference: Reference,
    promises: Promises,
    calls: Caller,
}

impl Sequence {
    fn new(with_store: bool) -> Self {
        Self {
            real: Real::new(with_store),
            reference: Reference::new(with_store),
            promises: Promises::default(),
            calls: 0,
        }
    }

    async fn run(mut self, steps: &[Step]) -> Result<(), String> {
        for (number, step) in steps.iter().enumerate() {
            let taken = self.take(*step).await;
            taken.map_err(|why| format!("in step {number}, {step:?}: {why}"))?;
        }
        Ok(())
    }

    async fn take(&mut self, step: Step) -> Result<(), String> {
        self.promises.next_step();
        match step {
            Step::Begin(key, way) => {
                self.begin(key, way);
            }
            Step::Call(key, way, ending) => {
                let caller = self.begin(key, way);
                self.compare().await?;
                if self.reference.running().contains(&caller) {
                    self.finish(caller, ending);
                }
            }
            Step::Finish(which, ending) => {
                if let Some(caller) = round(&self.reference.running(), which) {
                    self.finish(caller, ending);
                }
            }
            Step::Drop(which) => {
                if let Some(caller) = round(&self.reference.waiting(), which) {
                    self.real.drop(caller);
                    self.reference.drop(caller);
                }
            }
            Step::Peek(key) => {
                let peeked = self.real.peek(key).await;
                same("peek", &peeked, &self.reference.peek(key))?;
                if let Some(answer) = peeked {
                    self.promises.served(key, answer, None)?;
                }
            }
            Step::Forget(key, verb) => {
                let forgot = self.real.forget(key, verb).await;
                same("forget", &forgot, &self.reference.forget(key, verb))?;
                self.promises.invalidated(|it| it == key, verb);
            }
            Step::Invalidate(all, key, verb) => {
                let scope = all.of(key);
                self.real.invalidate(scope, verb).await;
                self.reference.invalidate(scope, verb);
                self.promises.invalidated(|it| scope.has(it), verb);
            }
            Step::Get(key) => {
                let got = self.real.get(key).await;
                same("get", &got, &self.reference.get(key))?;
                if let Some(value) = got {
                    self.promises.served(key, Ok(Some(value)), None)?;
                }
            }
            Step::SetFor(key, ttl) => {
                self.calls += 1;
                self.real.set_for(key, self.calls, ttl).await;
                self.reference.set_for(key, self.calls, ttl);
                self.promises.set(self.calls, key, ttl);
            }
            Step::Lifetime(key) => {
                let lifetime = self.real.lifetime(key).await;
                same("lifetime", &lifetime, &self.reference.lifetime(key))?;
            }
            Step::RemoveMatching(Key { tenant, .. }) => {
                let removed = self.real.remove_matching(tenant).await;
                same("removed", &removed, &self.reference.remove_matching(tenant))?;
            }
            Step::Advance(by) => {
                self.real.advance(by);
                self.reference.advance(by);
                self.promises.advance(by);
            }
            Step::Restart => {
                self.real.restart().await;
                self.reference.restart();
            }
        }
        self.compare().await
    }

    fn begin(&mut self, key: Key, way: Way) -> Caller {
        self.calls += 1;
        self.promises.called(self.calls, key, way);
        self.real.begin(self.calls, key, way);
        self.reference.begin(self.calls, key, way);
        self.calls
    }

    fn finish(&mut self, caller: Caller, ending: Ending) {
        self.promises.finished(caller);
        Real::finish(caller, ending);
        self.reference.finish(caller, ending);
    }

    async fn compare(&mut self) -> Result<(), String> {
        let observed = self.real.observe().await;
        same("what came to pass", &observed, &self.reference.observe())?;
        same("counts", &self.real.counts(), &self.reference.counts())?;
        for key in self.reference.unsure() {
            self.real.lose(key).await;
            self.reference.lose(key);
        }
        self.promises.observed(&observed)
    }
}

fn round(all: &[Caller], which: usize) -> Option<Caller> {
    all.get(which.checked_rem(all.len())?).copied()
}

fn same<T: PartialEq + Debug>(what: &str, real: &T, reference: &T) -> Result<(), String> {
    if real == reference {
        return Ok(());
    }
    Err(format!(
        "{what}: is\n{real:?}\nand should be\n{reference:?}"
    ))
}
