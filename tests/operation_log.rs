//! What is logged of an operation once, however often it is so.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use larder::cached;
use serde::{Serialize, Serializer};
use support::{Log, register, roomy};

struct Unwritten;

impl Serialize for Unwritten {
    fn serialize<S: Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("a secret"))
    }
}

#[tokio::test]
async fn an_argument_without_a_key_is_logged_once_for_each_operation() {
    #[cached(kind = "log.keys", op = "one")]
    async fn one(_argument: &Unwritten) -> u32 {
        1
    }
    #[cached(kind = "log.keys", op = "other")]
    async fn other(_argument: &Unwritten) -> u32 {
        1
    }
    register("log.keys", roomy());
    let (log, _guard) = Log::collect_warnings_here();
    for _ in 0..3 {
        one(&Unwritten).await;
        other(&Unwritten).await;
    }
    let lines = log.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for (line, operation) in lines.iter().zip(["one", "other"]) {
        assert!(line.contains("cannot be serialized"), "{line}");
        assert!(
            line.contains(&format!("operation=\"{operation}\"")),
            "{line}"
        );
        assert!(!line.contains("a secret"), "{line}");
    }
}

#[tokio::test]
async fn a_price_that_cannot_be_used_is_logged_once() {
    #[cached(kind = "log.prices", op = "free", cost = |_| f64::NAN)]
    async fn free(id: u32) -> u32 {
        id
    }
    let cache = register("log.prices", roomy());
    let (log, _guard) = Log::collect_warnings_here();
    for id in [1, 1, 2, 3] {
        free(id).await;
    }
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("not a number"), "{lines:?}");
    let counted = cache.statistics().operations["free"].savings.bad_prices;
    assert_eq!(counted, 4);
}
