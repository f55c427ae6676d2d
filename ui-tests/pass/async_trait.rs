//! Methods that `#[async_trait]` makes of async ones, before `#[cached]` sees them.

use std::fmt::Display;
use std::rc::Rc;
use std::sync::Arc;

use async_trait::async_trait;
use larder::cached;
use serde::Serialize;

use crate::support::{Runs, make_room};

static NAMES: Runs = Runs::new();

#[async_trait]
trait Users: Send + Sync {
    fn table(&self) -> &'static str;

    async fn name(&self, id: u32) -> Option<String>;

    /// A default body.
    #[cached(key = (self.table(), id, greeting))]
    async fn greeting(&self, greeting: &str, id: u32) -> Result<String, String> {
        NAMES.count();
        if id == 0 {
            return Err("nobody".into());
        }
        let name = self.name(id).await.ok_or_else(|| format!("no {id}"))?;
        Ok(format!("{greeting}, {name}"))
    }
}

struct People;

#[async_trait]
impl Users for People {
    fn table(&self) -> &'static str {
        "people"
    }

    #[cached(skip(self))]
    async fn name(&self, id: u32) -> Option<String> {
        NAMES.count();
        tokio::task::yield_now().await;
        (id < 10).then(|| format!("person {id}"))
    }
}

struct Robots {
    model: &'static str,
}

#[async_trait]
impl Users for Robots {
    fn table(&self) -> &'static str {
        self.model
    }

    #[cached(key = (self.model, id))]
    async fn name(&self, id: u32) -> Option<String> {
        NAMES.count();
        let name = format!("{} {id}", self.model);
        Some(name)
    }
}

#[tokio::test]
async fn a_trait_object_and_default_bodies() {
    let people: Arc<dyn Users> = Arc::new(People);
    let robots: Box<dyn Users> = Box::new(Robots { model: "r2" });
    let others: &dyn Users = &Robots { model: "c3" };
    make_room();

    for _ in 0..2 {
        assert_eq!(people.name(1).await.as_deref(), Some("person 1"));
        assert_eq!(people.name(2).await.as_deref(), Some("person 2"));
        assert_eq!(robots.name(1).await.as_deref(), Some("r2 1"));
        assert_eq!(others.name(1).await.as_deref(), Some("c3 1"));
    }
    assert_eq!(NAMES.total(), 4);
    assert_eq!(people.name(10).await, None);
    assert_eq!(people.name(10).await, None);
    assert_eq!(NAMES.total(), 6);
    for _ in 0..2 {
        assert_eq!(
            people.greeting("hi", 1).await.as_deref(),
            Ok("hi, person 1")
        );
        assert_eq!(
            people.greeting("ho", 1).await.as_deref(),
            Ok("ho, person 1")
        );
        assert_eq!(robots.greeting("hi", 1).await.as_deref(), Ok("hi, r2 1"));
        assert_eq!(others.greeting("hi", 1).await.as_deref(), Ok("hi, c3 1"));
    }
    assert_eq!(NAMES.total(), 10);
    assert!(people.greeting("hi", 0).await.is_err());
    assert!(people.greeting("hi", 0).await.is_err());
    assert_eq!(NAMES.total(), 12);
}

static ROWS: Runs = Runs::new();

#[async_trait]
trait Table {
    const NAME: &'static str;

    #[cached]
    async fn row(id: u32) -> String {
        ROWS.count();
        tokio::task::yield_now().await;
        format!("{} {id}", Self::NAME)
    }

    #[cached(key = (Self::NAME, of.to_string()))]
    async fn column<D>(&self, of: D) -> String
    where
        Self: Sized,
        D: Display + Send + Sync + 'static,
    {
        ROWS.count();
        format!("{} {of} {}", Self::NAME, size_of::<D>())
    }
}

struct Orders;

#[async_trait]
impl Table for Orders {
    const NAME: &'static str = "order";
}

struct Invoices;

#[async_trait]
impl Table for Invoices {
    const NAME: &'static str = "invoice";
}

#[tokio::test]
async fn functions_without_self_and_generic_methods() {
    make_room();

    for _ in 0..2 {
        assert_eq!(Orders::row(1).await, "order 1");
        assert_eq!(Orders::row(2).await, "order 2");
        assert_eq!(Invoices::row(1).await, "invoice 1");
    }
    assert_eq!(ROWS.total(), 3);
    for _ in 0..2 {
        assert_eq!(Orders.column(1_u8).await, "order 1 1");
        assert_eq!(Orders.column(1_u16).await, "order 1 2");
        assert_eq!(Orders.column(2_u16).await, "order 2 2");
        assert_eq!(Invoices.column(1_u8).await, "invoice 1 1");
    }
    assert_eq!(ROWS.total(), 7);
}

static SEARCHES: Runs = Runs::new();

#[derive(Serialize)]
struct Window {
    from: u32,
    to: u32,
}

#[async_trait]
trait Search<'a, Id>: Send {
    async fn found(&'a self, text: &str, ids: &[Id], window: Window) -> Result<usize, String>;

    async fn counted(&mut self, by: u32) -> u32;

    async fn closed(self: Arc<Self>, pair: (u32, u32), reason: Option<&str>) -> String;
}

struct Index {
    id: u32,
    opened: u32,
}

#[async_trait]
impl<'a, Id: Serialize + ToString + Sync> Search<'a, Id> for Index {
    #[cached(key = (self.id, text, ids, window))]
    async fn found(&'a self, text: &str, ids: &[Id], window: Window) -> Result<usize, String> {
        SEARCHES.count();
        let Window { from, to } = window;
        if from > to {
            return Err(format!("{from}..{to}"));
        }
        let id = ids.first().ok_or("no id")?;
        Ok(text.matches(&id.to_string()).count())
    }

    #[cached(key = "{self.id}:{by}")]
    async fn counted(&mut self, mut by: u32) -> u32 {
        SEARCHES.count();
        by *= 2;
        self.opened += by;
        self.opened
    }

    #[cached(skip(self))]
    async fn closed(self: Arc<Self>, (a, b): (u32, u32), reason: Option<&str>) -> String {
        SEARCHES.count();
        format!("{} {a} {b} {reason:?}", self.id)
    }
}

#[tokio::test]
async fn every_receiver_lifetimes_and_patterns() {
    let mut index = Index { id: 1, opened: 0 };
    let window = |to| Window { from: 1, to };
    make_room();

    for _ in 0..2 {
        assert_eq!(index.found("1 2 1", &[1_u8], window(2)).await, Ok(2));
        assert_eq!(index.found("1 2 1", &[2_u8], window(2)).await, Ok(1));
        assert_eq!(index.found("1 2 1", &["1"], window(2)).await, Ok(2));
        assert_eq!(index.found("1 2 1", &["1"], window(3)).await, Ok(2));
    }
    assert_eq!(SEARCHES.total(), 4);
    assert!(index.found("1", &[1_u8], window(0)).await.is_err());
    assert!(index.found("1", &[0_u8; 0], window(2)).await.is_err());
    assert_eq!(SEARCHES.total(), 6);

    assert_eq!(Search::<u8>::counted(&mut index, 1).await, 2);
    assert_eq!(Search::<u8>::counted(&mut index, 1).await, 2);
    assert_eq!(Search::<u8>::counted(&mut index, 2).await, 6);
    assert_eq!((index.opened, SEARCHES.total()), (6, 8));

    let index = Arc::new(index);
    let closed = |pair, reason| Search::<u8>::closed(Arc::clone(&index), pair, reason);
    for _ in 0..2 {
        assert_eq!(closed((1, 2), None).await, "1 1 2 None");
        assert_eq!(closed((2, 1), None).await, "1 2 1 None");
        assert_eq!(closed((2, 1), Some("a")).await, r#"1 2 1 Some("a")"#);
    }
    assert_eq!(SEARCHES.total(), 11);
}

static STAYING: Runs = Runs::new();

#[async_trait(?Send)]
trait Local {
    async fn name(&self, names: Rc<Vec<String>>, at: usize) -> Option<String>;
}

struct Here;

#[async_trait(?Send)]
impl Local for Here {
    #[cached(skip(self, names))]
    async fn name(&self, names: Rc<Vec<String>>, at: usize) -> Option<String> {
        STAYING.count();
        tokio::task::yield_now().await;
        names.get(at).cloned()
    }
}

#[tokio::test]
async fn futures_that_cannot_leave_their_thread() {
    let names = Rc::new(vec!["Ada".to_owned(), "Eve".to_owned()]);
    let here: &dyn Local = &Here;
    make_room();

    for _ in 0..2 {
        let name = |at| here.name(Rc::clone(&names), at);
        assert_eq!(name(0).await.as_deref(), Some("Ada"));
        assert_eq!(name(1).await.as_deref(), Some("Eve"));
    }
    assert_eq!(STAYING.total(), 2);
}

static WATCHED: Runs = Runs::new();

#[async_trait]
trait Watched {
    async fn above(&self, id: u32) -> Result<u32, String>;
    async fn below(&self, id: u32) -> Result<u32, String>;
}

#[async_trait]
impl Watched for People {
    #[tracing::instrument(skip(self), err, ret)]
    #[cached(skip(self))]
    async fn above(&self, id: u32) -> Result<u32, String> {
        WATCHED.count();
        if id == 0 {
            return Err("zero".into());
        }
        Ok(id + 1)
    }

    #[cached(skip(self))]
    #[tracing::instrument(skip(self), err, ret)]
    async fn below(&self, id: u32) -> Result<u32, String> {
        WATCHED.count();
        if id == 0 {
            return Err("zero".into());
        }
        Ok(id + 2)
    }
}

#[tokio::test]
async fn a_span_around_a_method_and_one_inside() {
    let people: Arc<dyn Watched + Send + Sync> = Arc::new(People);
    make_room();

    for _ in 0..2 {
        assert_eq!(people.above(1).await, Ok(2));
        assert_eq!(people.above(2).await, Ok(3));
        assert_eq!(people.below(1).await, Ok(3));
        assert_eq!(people.below(2).await, Ok(4));
    }
    assert_eq!(WATCHED.total(), 4);
    assert!(people.above(0).await.is_err());
    assert!(people.below(0).await.is_err());
    assert_eq!(WATCHED.total(), 6);
}
