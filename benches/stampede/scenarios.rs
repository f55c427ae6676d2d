//! What happens to the callers of one cache. Each scenario reports numbers, none of them a time of
//! the clock on the wall.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Barrier, Semaphore};
use tokio::time::sleep;

use crate::callers::{Bodies, Callers, fresh_keys, poll_once, settle};
use crate::contenders::{Body, Contender, Failure};

/// What was seen, by name.
pub(crate) type Observation = Vec<(&'static str, usize)>;

/// Those who call while the first caller does what the scenario is about, or together with it.
const CALLERS: usize = 10;

/// How long a body takes that works for some time.
const WORK: Duration = Duration::from_secs(1);

/// Awaits in the body whose caller is dropped at each of them.
const AWAITS: usize = 4;

/// More than the locks over which any contender spreads its keys, but on the largest machines.
const LINKS: u32 = 300;

/// A body that works for some time and has a value.
fn works(bodies: &Bodies, key: u32) -> Body {
    bodies.body(async move |_| {
        sleep(WORK).await;
        Ok(key)
    })
}

/// The caller that computes is dropped at each await of its body in turn, with a fresh key and ten
/// callers that wait for it every time.
pub(crate) async fn leader_dropped(contender: Contender) -> Observation {
    let bodies = Bodies::default();
    let mut callers = Callers::default();
    for passed in 0..AWAITS {
        let key = fresh_keys(1);
        let gate = Arc::new(Semaphore::new(passed));
        let body = || {
            let gate = gate.clone();
            bodies.body(async move |_| {
                for _ in 0..AWAITS {
                    // Used up: one permit lets one body pass one await.
                    gate.acquire().await.expect("never closed").forget();
                }
                Ok(key)
            })
        };
        let leader = tokio::spawn((contender.call)(key, body()));
        settle().await;
        for _ in 0..CALLERS {
            callers.call(contender, key, body());
        }
        settle().await;
        leader.abort();
        settle().await;
        gate.add_permits(AWAITS * (CALLERS + 1));
        callers.wait().await;
    }
    vec![("values", callers.values), ("bodies", bodies.started())]
}

/// The caller that computes gives up after a second, in a `select!`; the body takes two.
pub(crate) async fn leader_gives_up(contender: Contender) -> Observation {
    let key = fresh_keys(1);
    let bodies = Bodies::default();
    let body = || {
        bodies.body(async move |_| {
            sleep(2 * WORK).await;
            Ok(key)
        })
    };
    let leader = (contender.call)(key, body());
    let leader = tokio::spawn(async move {
        tokio::select! {
            answer = leader => Some(answer),
            () = sleep(WORK) => None,
        }
    });
    settle().await;
    let mut callers = Callers::default();
    for _ in 0..CALLERS {
        callers.call(contender, key, body());
    }
    callers.wait().await;
    let answer = leader.await.expect("no panic");
    assert!(answer.is_none(), "it did not give up: {answer:?}");
    vec![("values", callers.values), ("bodies", bodies.started())]
}

/// The first body panics, and ten callers wait for it.
pub(crate) async fn leader_panics(contender: Contender) -> Observation {
    let key = fresh_keys(1);
    let bodies = Bodies::default();
    let mut leader = Callers::default();
    let mut waiters = Callers::default();
    let body = || {
        bodies.body(async move |number| {
            sleep(WORK).await;
            if number == 1 {
                // As a panic, but without a message in the output.
                resume_unwind(Box::new("the first body panics"));
            }
            Ok(key)
        })
    };
    leader.call(contender, key, body());
    settle().await;
    for _ in 0..CALLERS {
        waiters.call(contender, key, body());
    }
    waiters.wait().await;
    leader.wait().await;
    vec![
        ("own-panic", leader.panics),
        ("values", waiters.values),
        ("errors", waiters.errors),
        ("bodies", bodies.started()),
    ]
}

/// Every body panics, for ten callers at once.
pub(crate) async fn all_panic(contender: Contender) -> Observation {
    let (callers, bodies) = ten_at_once(contender, || {
        resume_unwind(Box::new("every body panics"));
    })
    .await;
    vec![
        ("panics", callers.panics),
        ("errors", callers.errors),
        ("bodies", bodies.started()),
        ("most", bodies.most()),
        ("turns", bodies.turns()),
    ]
}

/// Every body fails, for ten callers at once.
pub(crate) async fn all_fail(contender: Contender) -> Observation {
    let (callers, bodies) = ten_at_once(contender, || Err(Failure::OfBody)).await;
    vec![
        ("failures", callers.failures),
        ("bodies", bodies.started()),
        ("most", bodies.most()),
        ("turns", bodies.turns()),
    ]
}

async fn ten_at_once(
    contender: Contender,
    end: impl Fn() -> Result<u32, Failure> + Copy + Send + 'static,
) -> (Callers, Bodies) {
    let key = fresh_keys(1);
    let bodies = Bodies::default();
    let mut callers = Callers::default();
    for _ in 0..CALLERS {
        let body = bodies.body(async move |_| {
            sleep(WORK).await;
            end()
        });
        callers.call(contender, key, body);
    }
    callers.wait().await;
    (callers, bodies)
}

/// Sixty-four keys, each with a body that ends when all of them run.
pub(crate) async fn distinct_keys(contender: Contender) -> Observation {
    const KEYS: u32 = 64;
    let all_run = Arc::new(Barrier::new(KEYS as usize));
    let bodies = Bodies::default();
    let mut callers = Callers::default();
    let first = fresh_keys(KEYS);
    for key in first..first + KEYS {
        let all_run = all_run.clone();
        let body = bodies.body(async move |_| {
            all_run.wait().await;
            Ok(key)
        });
        callers.call(contender, key, body);
    }
    callers.wait().await;
    vec![("most", bodies.most()), ("values", callers.values)]
}

/// Three hundred keys, where the body of each asks for the next.
pub(crate) async fn recursion(contender: Contender) -> Observation {
    let bodies = Bodies::default();
    let mut callers = Callers::default();
    let key = fresh_keys(LINKS);
    callers.call(contender, key, link(contender, &bodies, key, LINKS));
    callers.wait().await;
    vec![("values", callers.values), ("bodies", bodies.started())]
}

fn link(contender: Contender, bodies: &Bodies, key: u32, links: u32) -> Body {
    let all = bodies.clone();
    bodies.body(async move |_| {
        if links == 1 {
            return Ok(key);
        }
        let next = link(contender, &all, key + 1, links - 1);
        (contender.call)(key + 1, next).await
    })
}

/// A thousand callers of one key.
pub(crate) async fn thousand_callers(contender: Contender) -> Observation {
    let key = fresh_keys(1);
    let bodies = Bodies::default();
    let mut callers = Callers::default();
    for _ in 0..1000 {
        callers.call(contender, key, works(&bodies, key));
    }
    callers.wait().await;
    vec![("values", callers.values), ("bodies", bodies.started())]
}

/// The caller that computes is polled once and then held: neither polled nor dropped. Ten others
/// want the same key; after a long time it is dropped.
pub(crate) async fn leader_held(contender: Contender) -> Observation {
    let key = fresh_keys(1);
    let bodies = Bodies::default();
    let mut callers = Callers::default();
    let body = || works(&bodies, key);
    let mut held = (contender.call)(key, body());
    poll_once(&mut held);
    settle().await;
    for _ in 0..CALLERS {
        callers.call(contender, key, body());
    }
    wait_while_held(&mut callers, &bodies, held).await
}

/// The first and the last of those who wait are polled once and then held. The one that computes
/// ends, and the others should have its value.
pub(crate) async fn waiters_held(contender: Contender) -> Observation {
    held_waiters(contender, false).await
}

/// The same, but the one that computes is dropped: one of those who wait has to take over, and
/// should not be one that is held.
pub(crate) async fn heirs_held(contender: Contender) -> Observation {
    held_waiters(contender, true).await
}

async fn held_waiters(contender: Contender, is_leader_dropped: bool) -> Observation {
    let key = fresh_keys(1);
    let bodies = Bodies::default();
    let mut callers = Callers::default();
    let body = || works(&bodies, key);
    let leader = tokio::spawn((contender.call)(key, body()));
    settle().await;
    let mut first = (contender.call)(key, body());
    poll_once(&mut first);
    for _ in 0..CALLERS {
        callers.call(contender, key, body());
    }
    settle().await;
    let mut last = (contender.call)(key, body());
    poll_once(&mut last);
    if is_leader_dropped {
        leader.abort();
    }
    wait_while_held(&mut callers, &bodies, (first, last)).await
}

/// Waits for the callers, first while somebody is held and then when that one is dropped.
async fn wait_while_held<H>(callers: &mut Callers, bodies: &Bodies, held: H) -> Observation {
    callers.wait().await;
    let meanwhile = callers.values;
    drop(held);
    callers.wait().await;
    vec![
        ("values-meanwhile", meanwhile),
        ("values", callers.values),
        ("bodies", bodies.started()),
    ]
}
