//! Functions that macros make.

use larder::cached;

use crate::support::{Runs, make_room};

macro_rules! counted {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident($($argument:ident: $ty:ty),*) -> $returns:ty $body:block) => {
        $(#[$attribute])*
        $visibility async fn $name($($argument: $ty),*) -> $returns {
            RUNS_OF_WHOLE.count();
            $body
        }
    };
}

static RUNS_OF_WHOLE: Runs = Runs::new();

counted! {
    /// The length of a text.
    #[cached(op = "macros.length", ttl = "1h", skip(by))]
    #[must_use]
    pub(crate) fn length(text: &str, by: usize) -> usize {
        text.len() * by
    }
}

counted! {
    #[larder::cached]
    fn parsed(text: &str) -> Result<Option<u32>, std::num::ParseIntError> {
        if text.is_empty() {
            return Ok(None);
        }
        Ok(Some(text.parse()?))
    }
}

#[tokio::test]
async fn a_macro_takes_attributes_parameters_types_and_a_body() {
    make_room();

    assert_eq!(length("abc", 2).await, 6);
    assert_eq!(length("abc", 3).await, 6);
    assert_eq!(RUNS_OF_WHOLE.total(), 1);
    assert_eq!(length("ab", 3).await, 6);
    assert_eq!(RUNS_OF_WHOLE.total(), 2);
    for _ in 0..2 {
        assert_eq!(parsed("").await, Ok(None));
        assert!(parsed("x").await.is_err());
    }
    assert_eq!(RUNS_OF_WHOLE.total(), 6);
    assert_eq!(parsed("7").await, Ok(Some(7)));
    assert_eq!(parsed("7").await, Ok(Some(7)));
    assert_eq!(RUNS_OF_WHOLE.total(), 7);
}

#[tokio::test]
async fn a_macro_writes_the_attribute() {
    static RUNS: Runs = Runs::new();
    macro_rules! getter {
        ($name:ident, $argument:ident, $ty:ty, $returns:ty, $body:block) => {
            #[cached]
            async fn $name($argument: $ty) -> $returns $body
        };
    }
    getter!(doubled, n, u32, u64, {
        RUNS.count();
        u64::from(n) * 2
    });
    getter!(first, words, &[&str], Option<String>, {
        RUNS.count();
        let first = words.first()?;
        Some(first.to_string())
    });
    make_room();

    for _ in 0..2 {
        assert_eq!(doubled(1).await, 2);
        assert_eq!(doubled(2).await, 4);
        assert_eq!(first(&["a", "b"]).await.as_deref(), Some("a"));
    }
    assert_eq!(RUNS.total(), 3);
    assert_eq!(first(&[]).await, None);
    assert_eq!(first(&[]).await, None);
    assert_eq!(RUNS.total(), 5);
}

#[tokio::test]
async fn a_macro_fills_in_the_options() {
    static RUNS: Runs = Runs::new();
    macro_rules! priced {
        ($name:ident, $op:literal, $ttl:literal, $handle:ident, $key:expr) => {
            #[cached(op = $op, ttl = $ttl, key = $key)]
            async fn $name($handle: &str, article: u32) -> String {
                RUNS.count();
                format!("{} of {article}", $handle)
            }
        };
        ($name:ident skips $($handle:ident),+) => {
            #[cached(skip($($handle),+))]
            async fn $name(article: u32, $($handle: &str),+) -> String {
                RUNS.count();
                format!("{article} {}", [$($handle),+].concat())
            }
        };
    }
    priced!(keyed, "macros.keyed", "90s", shop, shop.len());
    priced!(skipping skips shop, log);
    make_room();

    assert_eq!(keyed("a", 1).await, "a of 1");
    assert_eq!(keyed("b", 2).await, "a of 1");
    assert_eq!(RUNS.total(), 1);
    assert_eq!(keyed("ab", 2).await, "ab of 2");
    assert_eq!(RUNS.total(), 2);
    assert_eq!(skipping(1, "a", "b").await, "1 ab");
    assert_eq!(skipping(1, "b", "a").await, "1 ab");
    assert_eq!(RUNS.total(), 3);
    assert_eq!(skipping(2, "b", "a").await, "2 ba");
    assert_eq!(RUNS.total(), 4);
}

/// A result as a macro spells it.
macro_rules! outcome {
    ($value:ty) => {
        Result<$value, String>
    };
    ($value:ty, maybe) => {
        Result<Option<$value>, String>
    };
}

#[tokio::test]
async fn a_macro_writes_the_type_of_the_result() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn even(n: u32) -> outcome!(u32) {
        RUNS.count();
        if n % 2 == 1 {
            return Err(format!("{n} is odd"));
        }
        Ok(n)
    }
    #[cached]
    async fn half(n: u32) -> outcome!(u32, maybe) {
        RUNS.count();
        Ok((even(n).await? > 0).then_some(n / 2))
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(even(1).await, Err("1 is odd".to_owned()));
        assert_eq!(even(2).await, Ok(2));
    }
    assert_eq!(RUNS.total(), 3);
    for _ in 0..2 {
        assert_eq!(half(2).await, Ok(Some(1)));
        assert_eq!(half(4).await, Ok(Some(2)));
    }
    assert_eq!(RUNS.total(), 6);
    assert_eq!(half(0).await, Ok(None));
    assert_eq!(half(0).await, Ok(None));
    assert_eq!(RUNS.total(), 9);
}

#[tokio::test]
async fn names_of_a_macro_and_of_its_caller_are_not_mixed_up() {
    static RUNS: Runs = Runs::new();
    macro_rules! summed {
        ($name:ident, $argument:ident) => {
            #[cached]
            async fn $name(value: u32, $argument: u32) -> String {
                RUNS.count();
                format!("{value} {}", $argument)
            }
        };
    }
    // Two parameters of one name: the macro's and the caller's.
    summed!(both, value);
    make_room();

    for _ in 0..2 {
        assert_eq!(both(1, 2).await, "1 2");
        assert_eq!(both(2, 1).await, "2 1");
        assert_eq!(both(1, 1).await, "1 1");
    }
    assert_eq!(RUNS.total(), 3);
}

static RUNS_OF_ITEMS: Runs = Runs::new();

macro_rules! kept {
    ($($item:item)+) => {
        $(
            #[cached]
            $item
        )+
    };
}

kept! {
    async fn incremented(n: u32) -> u32 {
        RUNS_OF_ITEMS.count();
        n + 1
    }

    async fn decremented(n: u32) -> u32 {
        RUNS_OF_ITEMS.count();
        n - 1
    }
}

#[tokio::test]
async fn a_macro_annotates_whole_items() {
    make_room();

    for _ in 0..2 {
        assert_eq!(incremented(1).await, 2);
        assert_eq!(incremented(2).await, 3);
        assert_eq!(decremented(1).await, 0);
    }
    assert_eq!(RUNS_OF_ITEMS.total(), 3);
}

static RUNS_OF_METHODS: Runs = Runs::new();

macro_rules! table {
    ($name:ident<$lifetime:lifetime>, $(($method:ident, $returns:ty, $pattern:pat => $value:expr)),+) => {
        struct $name<$lifetime> {
            id: u32,
            name: &$lifetime str,
        }

        impl<$lifetime> $name<$lifetime> {
            $(
                #[cached(key = "{self.id}")]
                async fn $method(&self) -> Option<$returns> {
                    RUNS_OF_METHODS.count();
                    match self {
                        $pattern => Some($value.into()),
                        _ => None,
                    }
                }
            )+
        }
    };
}

table!(
    Account<'name>,
    (name, String, Account { name: "Ada", .. } => "Ada"),
    (number, u64, Account { id: 1..=9, .. } => 1_u8)
);

#[tokio::test]
async fn a_macro_makes_methods() {
    let account = |id, name| Account { id, name };
    make_room();

    for _ in 0..2 {
        assert_eq!(account(1, "Ada").name().await.as_deref(), Some("Ada"));
        assert_eq!(account(1, "Ada").number().await, Some(1));
        assert_eq!(account(2, "Ada").number().await, Some(1));
    }
    assert_eq!(RUNS_OF_METHODS.total(), 3);
    assert_eq!(account(3, "Eve").name().await, None);
    assert_eq!(account(30, "Ada").number().await, None);
    assert_eq!(RUNS_OF_METHODS.total(), 5);
}

#[tokio::test]
async fn a_macro_writes_the_lifetimes() {
    use std::time::Duration;

    static RUNS: Runs = Runs::new();
    macro_rules! kept_for {
        ($name:ident, $ttl:expr) => {
            #[cached(ttl = $ttl)]
            async fn $name(n: u64) -> u64 {
                RUNS.count();
                n
            }
        };
    }
    kept_for!(by_value, |it| Duration::from_secs(*it));
    kept_for!(by_call, Duration::from_secs(7));
    make_room();

    for _ in 0..2 {
        assert_eq!((by_value(7).await, by_call(7).await), (7, 7));
    }
    assert_eq!(RUNS.total(), 2);
}
