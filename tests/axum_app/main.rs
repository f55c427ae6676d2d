//! The service of `examples/axum_app.rs` as a process, over real HTTP and a real Redis.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../support/exposition.rs"]
mod exposition;
#[path = "../support/mod.rs"]
mod support;

mod client;
mod end;
mod load;
mod operators;
mod process;
mod requests;
