//! Every mistake gets one message, at the place of the mistake, that says what to write instead.
//! A folder is a subject; a file is a misuse, or a family of them.
//!
//! What the compiler adds to a message changes with its version: the `.stderr` files are those of
//! rustc 1.95.0. `TRYBUILD=overwrite cargo test -p ui-tests --test fail` writes them anew; read
//! what it wrote before keeping it.

#[test]
fn each_mistake_is_answered_where_it_was_made() {
    trybuild::TestCases::new().compile_fail("fail/*/*.rs");
}
