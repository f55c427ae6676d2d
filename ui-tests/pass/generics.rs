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

#[tokio::test]
async fn a_closure_that_takes_what_lives_for_any_time() {
    static RUNS: Runs = Runs::new();
    #[cached(skip(measure))]
    async fn measured<F>(text: &str, measure: F) -> usize
    where
        F: for<'a> Fn(&'a str) -> usize,
    {
        RUNS.count();
        let copy = text.to_owned();
        measure(&copy) + measure(text)
    }
    let length = |text: &str| text.len();
    make_room();

    assert_eq!(measured("abc", length).await, 6);
    assert_eq!(measured("abc", length).await, 6);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(measured("ab", length).await, 4);
    assert_eq!(measured("ab", |text| text.len() * 2).await, 8);
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn closures_and_trait_objects_that_are_not_in_the_key() {
    static RUNS: Runs = Runs::new();
    #[cached(skip(change, log))]
    async fn changed(
        text: &str,
        change: impl AsyncFn(String) -> String,
        log: &(dyn Fn(&str) + Sync),
    ) -> String {
        RUNS.count();
        log(text);
        change(text.to_owned()).await
    }
    async fn upper(text: String) -> String {
        text.to_uppercase()
    }
    let logged = Runs::new();
    let log = |_: &str| logged.count();
    make_room();

    assert_eq!(changed("a", upper, &log).await, "A");
    assert_eq!(changed("a", upper, &log).await, "A");
    assert_eq!((RUNS.total(), logged.total()), (1, 1));
    assert_eq!(changed("b", upper, &log).await, "B");
    assert_eq!((RUNS.total(), logged.total()), (2, 2));
}

#[tokio::test]
async fn what_can_be_seen_as_something_else() {
    static RUNS: Runs = Runs::new();
    #[cached(key = (name.as_ref(), numbers.as_ref()))]
    async fn listed(name: impl AsRef<str>, numbers: impl AsRef<[u32]> + Send) -> String {
        RUNS.count();
        format!("{} {:?}", name.as_ref(), numbers.as_ref())
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(listed("a", [1]).await, "a [1]");
        assert_eq!(listed("a", [2]).await, "a [2]");
        assert_eq!(listed("b", vec![1]).await, "b [1]");
    }
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn a_type_argument_without_a_size() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn written<T: ?Sized + Serialize + std::fmt::Debug>(value: &T, times: usize) -> String {
        RUNS.count();
        format!("{value:?}").repeat(times)
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(written("a", 1).await, r#""a""#);
        assert_eq!(written("a", 2).await, r#""a""a""#);
        assert_eq!(written(&[1, 2][..], 1).await, "[1, 2]");
    }
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn a_constant_argument_in_an_explicit_key() {
    static RUNS: Runs = Runs::new();
    #[cached(key = (T::TABLE, N, id))]
    async fn page<T: Model, const N: usize>(id: u32) -> String {
        RUNS.count();
        format!("{N} {}s from {id}", T::TABLE)
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(page::<User, 10>(1).await, "10 users from 1");
        assert_eq!(page::<User, 20>(1).await, "20 users from 1");
        assert_eq!(page::<Order, 20>(1).await, "20 orders from 1");
        assert_eq!(page::<Order, 20>(2).await, "20 orders from 2");
    }
    assert_eq!(RUNS.total(), 4);
}

#[tokio::test]
async fn a_type_argument_inside_of_what_is_returned() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn parsed<T>(digits: &str) -> Result<Vec<T>, T::Err>
    where
        T: std::str::FromStr + Clone + Send + Sync + Serialize,
        T: serde::de::DeserializeOwned + 'static,
    {
        RUNS.count();
        digits.split(' ').map(str::parse).collect()
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(parsed::<u8>("1 2").await, Ok(vec![1, 2]));
        assert_eq!(parsed::<i64>("1 2").await, Ok(vec![1, 2]));
        assert_eq!(parsed::<i64>("-1").await, Ok(vec![-1]));
    }
    assert_eq!(RUNS.total(), 3);
    assert!(parsed::<u8>("-1").await.is_err());
    assert!(parsed::<u8>("-1").await.is_err());
    assert_eq!(RUNS.total(), 5);
}
