//! Generic functions and `impl`s: no two instances share an answer.

use std::fmt::Display;
use std::marker::PhantomData;

use larder::cached;
use serde::Serialize;

use crate::support::{Runs, make_room};

#[tokio::test]
async fn two_type_arguments_do_not_share() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn size<T: Default + Display>(times: usize) -> String
    where
        Vec<T>: Send,
    {
        RUNS.count();
        format!("{}x{}", size_of::<T>() * times, T::default())
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(size::<u8>(2).await, "2x0");
        assert_eq!(size::<u16>(2).await, "4x0");
        assert_eq!(size::<String>(1).await, "24x");
    }
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn two_constants_do_not_share() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn padded<const N: usize, const FILL: char>(text: &str) -> String {
        RUNS.count();
        let mut padded = text.to_owned();
        while padded.len() < N {
            padded.push(FILL);
        }
        padded
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(padded::<3, '.'>("a").await, "a..");
        assert_eq!(padded::<4, '.'>("a").await, "a...");
        assert_eq!(padded::<4, '-'>("a").await, "a---");
    }
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn named_lifetimes() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn longer<'a, 'b: 'a>(left: &'a str, right: &'b str) -> String {
        RUNS.count();
        let longer: &'a str = if left.len() < right.len() {
            right
        } else {
            left
        };
        longer.to_owned()
    }
    make_room();

    assert_eq!(longer("a", "bc").await, "bc");
    assert_eq!(longer("a", "bc").await, "bc");
    assert_eq!(RUNS.total(), 1);
    assert_eq!(longer("ab", "c").await, "ab");
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn an_error_that_borrows_from_an_argument() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn number(digits: &str) -> Result<u32, &str> {
        RUNS.count();
        digits.parse().map_err(|_| digits)
    }
    make_room();

    assert_eq!(number("x").await, Err("x"));
    assert_eq!(number("1").await, Ok(1));
    assert_eq!(number("1").await, Ok(1));
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn types_behind_impl_trait_do_not_share() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn width(value: impl Display + Serialize) -> String {
        RUNS.count();
        format!("{value} of {}", std::any::type_name_of_val(&value))
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(width(1_i32).await, "1 of i32");
        assert_eq!(width(1_u8).await, "1 of u8");
    }
    assert_eq!(RUNS.total(), 2);
}

trait Model {
    const TABLE: &'static str;
}

struct User;

impl Model for User {
    const TABLE: &'static str = "user";
}

struct Order;

impl Model for Order {
    const TABLE: &'static str = "order";
}

struct Repo<T>(PhantomData<T>);

impl<T: Model> Repo<T> {
    #[cached]
    async fn count(id: u64) -> String {
        COUNTS.count();
        format!("{}s of {id}", T::TABLE)
    }
}

static COUNTS: Runs = Runs::new();

#[tokio::test]
async fn an_associated_function_of_two_instances_of_a_type() {
    make_room();

    for _ in 0..2 {
        assert_eq!(Repo::<User>::count(1).await, "users of 1");
        assert_eq!(Repo::<Order>::count(1).await, "orders of 1");
    }
    assert_eq!(COUNTS.total(), 2);
}
