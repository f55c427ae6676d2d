//! Methods of traits.

use std::fmt::Display;
use std::sync::Arc;

use larder::cached;

use crate::support::{Runs, make_room};

static WORDS: Runs = Runs::new();

/// Also for types without a size.
trait Words {
    fn text(&self) -> &str;

    #[cached(key = (self.text(), least))]
    async fn words(&self, least: usize) -> usize {
        WORDS.count();
        let words = self.text().split(' ');
        words.filter(|word| word.len() >= least).count()
    }
}

impl Words for str {
    fn text(&self) -> &str {
        self
    }
}

#[tokio::test]
async fn the_default_body_of_a_method_of_a_type_without_a_size() {
    make_room();

    assert_eq!("a bc".words(2).await, 1);
    assert_eq!("a bc".words(2).await, 1);
    assert_eq!(WORDS.total(), 1);
    assert_eq!("a bc".words(1).await, 2);
    assert_eq!("ab bc".words(2).await, 2);
    assert_eq!(WORDS.total(), 3);
}

static LOADED: Runs = Runs::new();

trait Load<Id> {
    async fn load(&self, id: Id) -> Option<String>;
}

struct Files {
    root: &'static str,
}

impl Load<u32> for Files {
    #[cached(key = (self.root, id))]
    async fn load(&self, id: u32) -> Option<String> {
        LOADED.count();
        (id > 0).then(|| format!("{}/number {id}", self.root))
    }
}

impl Load<&str> for Files {
    #[cached(key = (self.root, id))]
    async fn load(&self, id: &str) -> Option<String> {
        LOADED.count();
        (!id.is_empty()).then(|| format!("{}/{id}", self.root))
    }
}

impl<T: Load<Id>, Id> Load<Id> for Arc<T> {
    async fn load(&self, id: Id) -> Option<String> {
        T::load(self, id).await
    }
}

#[tokio::test]
async fn a_generic_trait_that_one_type_implements_twice() {
    let files = Arc::new(Files { root: "a" });
    let others = Files { root: "b" };
    make_room();

    for _ in 0..2 {
        assert_eq!(files.load(1).await.as_deref(), Some("a/number 1"));
        assert_eq!(files.load("1").await.as_deref(), Some("a/1"));
        assert_eq!(others.load("1").await.as_deref(), Some("b/1"));
    }
    assert_eq!(LOADED.total(), 3);
    assert_eq!(files.load(0).await, None);
    assert_eq!(files.load("").await, None);
    assert_eq!(LOADED.total(), 5);
}

static SHOWN: Runs = Runs::new();

trait Shown {
    async fn shown<D: Display>(&self, by: D) -> String;
}

impl<T: Display> Shown for T {
    #[cached(key = (self.to_string(), by.to_string()))]
    async fn shown<D: Display>(&self, by: D) -> String {
        SHOWN.count();
        let size = size_of::<D>();
        format!("{self} by {by} of {size}")
    }
}

#[tokio::test]
async fn a_generic_method_of_an_impl_for_every_type() {
    make_room();

    for _ in 0..2 {
        assert_eq!(1_u8.shown(2_u8).await, "1 by 2 of 1");
        assert_eq!(1_u8.shown(2_u16).await, "1 by 2 of 2");
        assert_eq!(1_u8.shown(3_u16).await, "1 by 3 of 2");
        assert_eq!("1".shown(2_u8).await, "1 by 2 of 1");
    }
    assert_eq!(SHOWN.total(), 4);
}

static ROWS: Runs = Runs::new();

trait Table {
    const NAME: &'static str;
    type Row: Display + From<u32>;

    #[cached(key = (Self::NAME, id))]
    async fn row(id: u32) -> String {
        ROWS.count();
        format!("{} {}", Self::NAME, Self::Row::from(id))
    }
}

struct Users;

impl Table for Users {
    const NAME: &'static str = "user";
    type Row = u64;
}

struct Orders;

impl Table for Orders {
    const NAME: &'static str = "order";
    type Row = f64;
}

#[tokio::test]
async fn an_associated_constant_in_a_key_of_a_function_without_self() {
    make_room();

    for _ in 0..2 {
        assert_eq!(Users::row(1).await, "user 1");
        assert_eq!(Orders::row(1).await, "order 1");
        assert_eq!(Orders::row(2).await, "order 2");
    }
    assert_eq!(ROWS.total(), 3);
}

static COPIES: Runs = Runs::new();

trait Copied: Display {
    #[cached(key = (self.to_string(), times))]
    async fn copied(self, times: usize) -> Vec<String>
    where
        Self: Sized,
    {
        COPIES.count();
        vec![self.to_string(); times]
    }
}

impl Copied for char {}
impl Copied for String {}

#[tokio::test]
async fn a_method_where_self_has_a_size() {
    make_room();

    for _ in 0..2 {
        assert_eq!('a'.copied(2).await, ["a", "a"]);
        assert_eq!('a'.copied(1).await, ["a"]);
        assert_eq!(String::from("a").copied(1).await, ["a"]);
    }
    assert_eq!(COPIES.total(), 3);
}

static OVERRIDDEN: Runs = Runs::new();

trait Price {
    const BASE: u32;

    #[cached(skip(self))]
    async fn price(&self, pieces: u32) -> u32 {
        OVERRIDDEN.count();
        Self::BASE * pieces
    }
}

struct Tea;

impl Price for Tea {
    const BASE: u32 = 3;
}

struct Coffee;

impl Price for Coffee {
    const BASE: u32 = 5;

    #[cached(skip(self))]
    async fn price(&self, pieces: u32) -> u32 {
        OVERRIDDEN.count();
        Self::BASE * pieces - 1
    }
}

async fn price_of(article: &impl Price, pieces: u32) -> u32 {
    article.price(pieces).await
}

#[tokio::test]
async fn a_default_body_and_one_in_its_place() {
    make_room();

    for _ in 0..2 {
        assert_eq!(price_of(&Tea, 2).await, 6);
        assert_eq!(price_of(&Coffee, 2).await, 9);
        assert_eq!(price_of(&Coffee, 3).await, 14);
    }
    assert_eq!(OVERRIDDEN.total(), 3);
}
