//! Functions that look alike and are not the same: generic ones, and those that macros write.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use larder::cached;
use support::{Runs, register, roomy};

#[tokio::test]
async fn closures_as_generic_arguments_tell_calls_apart() {
    #[cached(kind = "closures", skip(apply))]
    async fn applied<F: Fn(u32) -> u32>(apply: F, x: u32) -> u32 {
        apply(x)
    }
    register("closures", roomy());
    for _ in 0..2 {
        assert_eq!(applied(|x| x + 1, 10).await, 11);
        assert_eq!(applied(|x| x * 2, 10).await, 20);
    }
}

#[tokio::test]
async fn types_of_the_same_name_tell_calls_apart() {
    trait Named {
        const NAME: &'static str;
    }
    #[cached(kind = "names")]
    async fn name<T: Named>(id: u32) -> String {
        format!("{} {id}", T::NAME)
    }
    register("names", roomy());
    {
        struct Local;
        impl Named for Local {
            const NAME: &'static str = "first";
        }
        assert_eq!(name::<Local>(1).await, "first 1");
    }
    {
        struct Local;
        impl Named for Local {
            const NAME: &'static str = "second";
        }
        assert_eq!(name::<Local>(1).await, "second 1");
    }
}

struct A;
struct B;

macro_rules! helpers {
    ($($type:ident => $text:literal),*) => {$(
        const _: () = {
            #[cached(kind = "written")]
            async fn helper(id: u32) -> String {
                format!("{} {id}", $text)
            }

            impl $type {
                async fn go(id: u32) -> String {
                    helper(id).await
                }
            }
        };
    )*};
}

helpers!(A => "a", B => "b");

#[tokio::test]
async fn functions_that_one_macro_writes_in_nameless_blocks_never_share() {
    register("written", roomy());
    for _ in 0..2 {
        assert_eq!(A::go(1).await, "a 1");
        assert_eq!(B::go(1).await, "b 1");
    }
}

#[tokio::test]
async fn a_result_behind_a_generic_argument_is_not_kept() {
    static RUNS: Runs = Runs::new();
    trait Source {
        type Answer: Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static;
        fn ask() -> Self::Answer;
    }
    struct Flaky;
    impl Source for Flaky {
        type Answer = Result<u32, String>;
        fn ask() -> Self::Answer {
            match RUNS.count() {
                1 => Err("down".to_owned()),
                _ => Ok(7),
            }
        }
    }
    struct Loader<T>(std::marker::PhantomData<T>);
    impl<T> Loader<T>
    where
        T: Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static,
    {
        #[cached(kind = "hidden", key = id)]
        async fn load<S: Source<Answer = T>>(&self, id: u32, _source: S) -> T {
            let _ = id;
            S::ask()
        }
    }
    register("hidden", roomy());
    let loader = Loader(std::marker::PhantomData);
    assert_eq!(loader.load(1, Flaky).await, Err("down".to_owned()));
    assert_eq!(loader.load(1, Flaky).await, Ok(7));
}
