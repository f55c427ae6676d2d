//! Signatures that people write: each is called, and says how often its body ran.

#[path = "../pass/arguments.rs"]
mod arguments;
#[path = "../pass/bodies.rs"]
mod bodies;
#[path = "../pass/forbidden.rs"]
mod forbidden;
#[path = "../pass/futures.rs"]
mod futures;
#[path = "../pass/generics.rs"]
mod generics;
#[path = "../pass/keys.rs"]
mod keys;
#[path = "../pass/lints.rs"]
mod lints;
#[path = "../pass/methods.rs"]
mod methods;
#[path = "../pass/names.rs"]
mod names;
#[path = "../pass/patterns.rs"]
mod patterns;
#[path = "../pass/results.rs"]
mod results;
#[path = "../pass/support.rs"]
mod support;
