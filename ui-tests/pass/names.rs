//! Names that mean something else where the function stands.

use crate::support::{Runs, make_room};

#[tokio::test]
async fn raw_names() {
    static RUNS: Runs = Runs::new();
    #[larder::cached]
    async fn r#match(r#type: &str, r#in: u32) -> String {
        RUNS.count();
        format!("{type}{in}")
    }
    #[larder::cached(skip(r#type))]
    async fn r#loop(r#type: &str, id: u32) -> String {
        RUNS.count();
        format!("{type}{id}")
    }
    make_room();

    assert_eq!(r#match("a", 1).await, "a1");
    assert_eq!(r#match("a", 1).await, "a1");
    assert_eq!(RUNS.total(), 1);
    assert_eq!(r#match("b", 1).await, "b1");
    assert_eq!(r#loop("a", 1).await, "a1");
    assert_eq!(r#loop("b", 1).await, "a1");
    assert_eq!(RUNS.total(), 3);
}

/// Everything that an expansion could rely on by mistake.
mod shadowed {
    #![allow(dead_code, unused_macros, reason = "it is enough that they are there")]

    use crate::support::Runs;

    pub(super) static RUNS: Runs = Runs::new();

    mod core {}
    mod std {}
    mod alloc {}
    mod larder {}

    pub(super) type Result<T> = (T, &'static str);

    #[derive(Debug, Clone, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
    pub(super) struct Option(pub(super) u32);

    #[derive(Debug, Clone, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
    pub(super) struct String(pub(super) u32);

    #[derive(Debug, Clone, PartialEq)]
    pub(super) struct Vec;

    pub(super) struct Box;

    pub(super) struct Some;

    pub(super) struct None;

    pub(super) struct Ok;

    pub(super) struct Err;

    pub(super) trait Send {}

    pub(super) trait Future {}

    pub(super) trait Serialize {}

    pub(super) trait Clone {
        fn clone(&self) {}
    }

    impl<T> Clone for T {}

    pub(super) trait Shape: Sized {
        fn shape(self) {}
        fn arg(&mut self, _: u32) {}
        fn text(&mut self, _: &str) {}
        fn run(self, _: u32, _: u32) {}
    }

    impl<T> Shape for T {}

    macro_rules! module_path {
        () => {
            compile_error!("not this one")
        };
    }
    macro_rules! pin {
        ($($any:tt)*) => {
            compile_error!("not this one")
        };
    }
    macro_rules! format {
        ($($any:tt)*) => {
            compile_error!("not this one")
        };
    }
    macro_rules! line {
        () => {
            compile_error!("not this one")
        };
    }
    #[::larder::cached]
    pub(super) async fn option(id: u32) -> Option {
        RUNS.count();
        Option(id)
    }

    #[::larder::cached]
    pub(super) async fn string(name: String) -> String {
        RUNS.count();
        String(name.0 + 1)
    }

    #[::larder::cached(kind = "web", op = "names.result", ttl = "1h")]
    pub(super) async fn result(id: u32) -> ::core::result::Result<u32, Result<u32>> {
        RUNS.count();
        if id > 0 {
            ::core::result::Result::Ok(id)
        } else {
            ::core::result::Result::Err((id, "zero"))
        }
    }
}

#[tokio::test]
async fn everything_is_shadowed() {
    make_room();

    assert_eq!(shadowed::option(1).await, shadowed::Option(1));
    assert_eq!(shadowed::option(1).await, shadowed::Option(1));
    assert_eq!(shadowed::RUNS.total(), 1);
    let text = || shadowed::String(1);
    assert_eq!(shadowed::string(text()).await, shadowed::String(2));
    assert_eq!(shadowed::string(text()).await, shadowed::String(2));
    assert_eq!(shadowed::RUNS.total(), 2);
    assert_eq!(shadowed::result(0).await, Err((0, "zero")));
    assert_eq!(shadowed::result(1).await, Ok(1));
    assert_eq!(shadowed::result(1).await, Ok(1));
    assert_eq!(shadowed::RUNS.total(), 4);
}

#[tokio::test]
async fn parameters_and_items_with_names_of_the_expansion() {
    static RUNS: Runs = Runs::new();
    #[larder::cached]
    async fn sum(returned: u32, miss: u32, key: u32, body: u32) -> u32 {
        RUNS.count();
        returned + miss + key + body
    }
    make_room();

    assert_eq!(sum(1, 2, 3, 4).await, 10);
    assert_eq!(sum(1, 2, 3, 4).await, 10);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(sum(4, 3, 2, 1).await, 10);
    assert_eq!(RUNS.total(), 2);
}
