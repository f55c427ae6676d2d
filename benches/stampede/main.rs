//! Many callers of one key while something goes wrong, on larder and on its peers.
//!
//! `scripts/bench --stampede` runs this and writes the table in `docs/benchmarks.md`. By hand:
//!
//! ```text
//! cargo bench -p benches --bench stampede
//! ```
//!
//! Every scenario is written once, for any cache that computes a missing value, and has its turn
//! with every contender in each round. What was observed goes to standard output as lines
//! `stampede-scenario|contender|round|observed|number`. The run fails if larder does not do what it
//! promises.
//!
//! All callers share one thread, and a clock that stands still while any of them can go on and
//! otherwise jumps to the next timer: a deadline of an hour costs nothing, and a caller that has no
//! answer by then waits for something that never comes.
#![expect(
    clippy::expect_used,
    reason = "an observation that cannot be made ends the run"
)]

mod callers;
mod contenders;
mod scenarios;

use std::pin::Pin;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use contenders::{ALL, Contender, LARDER, LARDER_WITH_CLONED_ERRORS};
use scenarios::Observation;

/// Each is a chance to see another number.
const ROUNDS: usize = 20;

/// Nothing here takes time, unless a contender blocks the thread.
const LONGEST: Duration = Duration::from_mins(2);

struct Scenario {
    name: &'static str,
    contenders: &'static [Contender],
    observe: fn(Contender) -> Pin<Box<dyn Future<Output = Observation>>>,
    /// What has to be seen with larder: promise 4 of its design.
    promised: &'static [(&'static str, usize)],
}

const SCENARIOS: [Scenario; 12] = [
    Scenario {
        name: "leader-dropped",
        contenders: &ALL,
        observe: |contender| Box::pin(scenarios::leader_dropped(contender)),
        promised: &[("values", 40), ("bodies", 8)],
    },
    Scenario {
        name: "leader-gives-up",
        contenders: &ALL,
        observe: |contender| Box::pin(scenarios::leader_gives_up(contender)),
        promised: &[("values", 10), ("bodies", 2)],
    },
    Scenario {
        name: "leader-panics",
        contenders: &ALL,
        observe: |contender| Box::pin(scenarios::leader_panics(contender)),
        promised: &[
            ("own-panic", 1),
            ("values", 10),
            ("errors", 0),
            ("bodies", 2),
        ],
    },
    Scenario {
        name: "all-panic",
        contenders: &ALL,
        observe: |contender| Box::pin(scenarios::all_panic(contender)),
        promised: &[
            ("panics", 10),
            ("errors", 0),
            ("bodies", 10),
            // The first, the one that tries again, the rest.
            ("most", 8),
            ("turns", 3),
        ],
    },
    Scenario {
        name: "all-fail",
        contenders: &ALL,
        observe: |contender| Box::pin(scenarios::all_fail(contender)),
        promised: &[("failures", 10), ("bodies", 10), ("most", 9), ("turns", 2)],
    },
    Scenario {
        name: "all-fail-alike",
        // The others do not look whether an error can be cloned.
        contenders: &[LARDER_WITH_CLONED_ERRORS],
        observe: |contender| Box::pin(scenarios::all_fail(contender)),
        promised: &[("failures", 10), ("bodies", 1), ("most", 1), ("turns", 1)],
    },
    Scenario {
        name: "distinct-keys",
        contenders: &ALL,
        observe: |contender| Box::pin(scenarios::distinct_keys(contender)),
        promised: &[("most", 64), ("values", 64)],
    },
    Scenario {
        name: "recursion",
        contenders: &ALL,
        observe: |contender| Box::pin(scenarios::recursion(contender)),
        promised: &[("values", 1), ("bodies", 300)],
    },
    Scenario {
        name: "waiters-held",
        contenders: &ALL,
        observe: |contender| Box::pin(scenarios::waiters_held(contender)),
        promised: &[("values-meanwhile", 10), ("values", 10), ("bodies", 1)],
    },
    Scenario {
        name: "heirs-held",
        contenders: &ALL,
        observe: |contender| Box::pin(scenarios::heirs_held(contender)),
        promised: &[("values-meanwhile", 10), ("values", 10), ("bodies", 2)],
    },
    Scenario {
        name: "leader-held",
        contenders: &ALL,
        observe: |contender| Box::pin(scenarios::leader_held(contender)),
        promised: &[("values", 10), ("bodies", 2)],
    },
    Scenario {
        name: "thousand-callers",
        contenders: &ALL,
        observe: |contender| Box::pin(scenarios::thousand_callers(contender)),
        promised: &[("values", 1000), ("bodies", 1)],
    },
];

impl Scenario {
    /// Runs with one contender, in a runtime of its own: nothing is left of whoever is stuck.
    fn observe(&self, contender: Contender) -> Observation {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime")
            .block_on((self.observe)(contender))
    }

    /// Whether larder did what it should; if not, says what it did.
    fn check(&self, seen: &Observation) -> bool {
        let Self { name, promised, .. } = self;
        let is_kept = promised.iter().all(|number| seen.contains(number));
        if !is_kept {
            eprintln!("{name}: {seen:?} was seen with larder, promised is {promised:?}");
        }
        is_kept
    }
}

/// Ends the run if it does not end by itself. The last line of the output is that of the contender
/// before the one that blocks.
fn end_in_time() {
    thread::spawn(|| {
        thread::sleep(LONGEST);
        eprintln!("a contender has blocked the thread");
        std::process::exit(1);
    });
}

fn main() -> ExitCode {
    end_in_time();
    contenders::register_larder();
    let mut is_as_promised = true;
    for round in 0..ROUNDS {
        for scenario in &SCENARIOS {
            for contender in scenario.contenders {
                let seen = scenario.observe(*contender);
                for (what, number) in &seen {
                    let (row, contender) = (scenario.name, contender.name);
                    println!("stampede-{row}|{contender}|{round}|{what}|{number}");
                }
                if contender.name == LARDER.name {
                    is_as_promised &= scenario.check(&seen);
                }
            }
        }
    }
    if is_as_promised {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
