//! Annotated functions are called while their Redis fails in every way: no answer is wrong, no call
//! fails, and no invalidation is lost.
//!
//! Each test is a fault: 64 tasks call functions of several shapes before, during and after it, while
//! others invalidate what they ask for. `LARDER_CHAOS_CALLS` says how many calls there are for each
//! fault; where `LARDER_CHAOS_FIGURES` names a directory, what was measured is written there.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod between;
mod calls;
mod deployments;
mod door;
mod figures;
mod functions;
mod network;
mod run;
mod server;
mod stored;
