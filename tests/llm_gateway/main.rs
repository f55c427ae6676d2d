//! The service of `examples/llm_gateway.rs` as a process, between real HTTP clients, an endpoint of this
//! test's own that speaks the protocol, and a real Redis.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../../examples/llm_gateway/sse.rs"]
mod sse;
#[path = "../support/mod.rs"]
mod support;

mod client;
mod endpoint;
mod events;
mod failures;
mod in_one_piece;
mod in_pieces;
mod redis;
mod savings;
mod tenants;
