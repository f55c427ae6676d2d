//! Signatures that people write: each is called, and says how often its body ran.
//!
//! The package `ui-tests-2021` has this list in its own edition.

#[path = "../pass/arguments.rs"]
mod arguments;
#[path = "../pass/async_trait.rs"]
mod async_trait;
#[path = "../pass/attributes.rs"]
mod attributes;
#[path = "../pass/bodies.rs"]
mod bodies;
#[path = "../pass/boxed_futures.rs"]
mod boxed_futures;
#[path = "../pass/conditional.rs"]
mod conditional;
#[path = "../pass/control_flow.rs"]
mod control_flow;
#[path = "../pass/errors.rs"]
mod errors;
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
#[path = "../pass/macros.rs"]
mod macros;
#[path = "../pass/methods.rs"]
mod methods;
#[path = "../pass/names.rs"]
mod names;
#[path = "../pass/patterns.rs"]
mod patterns;
#[path = "../pass/prices.rs"]
mod prices;
#[path = "../pass/receivers.rs"]
mod receivers;
#[path = "../pass/requests.rs"]
mod requests;
#[path = "../pass/results.rs"]
mod results;
#[path = "../pass/returned_futures.rs"]
mod returned_futures;
#[path = "../pass/sizes.rs"]
mod sizes;
#[path = "../pass/streams.rs"]
mod streams;
#[path = "../pass/support.rs"]
mod support;
#[path = "../pass/traits.rs"]
mod traits;
#[path = "../pass/traits_of_futures.rs"]
mod traits_of_futures;
#[path = "../pass/values.rs"]
mod values;
#[path = "../pass/visibility.rs"]
mod visibility;
