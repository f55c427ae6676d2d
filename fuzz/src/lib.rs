//! What the fuzz targets do with one input. `tests/fuzz_corpora.rs` does the same with every file
//! of `fuzz/corpus`, as an ordinary test.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "a module of a test as well, which needs not all of it"
)]
#![allow(clippy::missing_panics_doc, reason = "a finding is a panic")]
#![allow(clippy::expect_used, reason = "a finding is a panic")]

pub mod envelope;
mod input;
pub mod key_names;
#[path = "../../tests/support/map_store.rs"]
mod map_store;
mod values;
