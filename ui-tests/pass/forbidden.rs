//! A module that forbids what it can: an expansion may neither do it nor ask for an exception.
#![forbid(
    unsafe_code,
    unreachable_code,
    unused_imports,
    unused_variables,
    unused_qualifications,
    clippy::empty_loop,
    clippy::no_effect_underscore_binding
)]

use larder::cached;

use crate::support::{Runs, make_room};

#[tokio::test]
async fn a_function_under_forbidden_lints() {
    static RUNS: Runs = Runs::new();
    #[cached(ttl = "1h", skip(_log))]
    async fn checked(text: &str, version: u32, _log: &str) -> Result<usize, String> {
        RUNS.count();
        if text.is_empty() || version == 0 {
            return Err("empty".to_owned());
        }
        Ok(text.len())
    }
    make_room();

    assert_eq!(checked("", 1, "a").await, Err("empty".to_owned()));
    assert_eq!(checked("abc", 1, "a").await, Ok(3));
    assert_eq!(checked("abc", 1, "b").await, Ok(3));
    assert_eq!(RUNS.total(), 2);
    assert_eq!(checked("abc", 2, "a").await, Ok(3));
    assert_eq!(RUNS.total(), 3);
}
