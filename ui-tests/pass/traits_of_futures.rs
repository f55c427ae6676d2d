//! Methods of traits that return a future.
#![allow(clippy::manual_async_fn, reason = "it is what is tested")]

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;

use larder::cached;

use crate::support::{Runs, make_room};

static PRICES: Runs = Runs::new();

trait Shop {
    const NAME: &'static str;

    fn price(&self, article: u32) -> impl Future<Output = Option<u32>> + Send;

    #[cached(key = (Self::NAME, article, pieces))]
    fn total(&self, article: u32, pieces: u32) -> impl Future<Output = Option<u32>> + Send
    where
        Self: Sync,
    {
        async move {
            PRICES.count();
            let price = self.price(article).await?;
            price.checked_mul(pieces)
        }
    }
}

struct Tea;

impl Shop for Tea {
    const NAME: &'static str = "tea";

    #[cached(skip(self))]
    fn price(&self, article: u32) -> impl Future<Output = Option<u32>> + Send {
        async move {
            PRICES.count();
            tokio::task::yield_now().await;
            (article > 0).then_some(article * 3)
        }
    }
}

struct Coffee;

impl Shop for Coffee {
    const NAME: &'static str = "coffee";

    #[cached(skip(self))]
    async fn price(&self, article: u32) -> Option<u32> {
        PRICES.count();
        tokio::task::yield_now().await;
        (article > 0).then_some(article * 5)
    }
}

/// Only what is `Send` can be spawned.
async fn total_of<S: Shop + Sync + Send + 'static>(shop: S, article: u32) -> Option<u32> {
    let task = tokio::spawn(async move { shop.total(article, 2).await });
    task.await.ok().flatten()
}

#[tokio::test]
async fn a_default_body_and_methods_that_return_futures() {
    make_room();

    for _ in 0..2 {
        assert_eq!(total_of(Tea, 1).await, Some(6));
        assert_eq!(total_of(Tea, 2).await, Some(12));
        assert_eq!(total_of(Coffee, 1).await, Some(10));
    }
    assert_eq!(PRICES.total(), 6);
    assert_eq!(Tea.price(1).await, Some(3));
    assert_eq!(Coffee.price(1).await, Some(5));
    assert_eq!(PRICES.total(), 6);
    assert_eq!(total_of(Tea, 0).await, None);
    assert_eq!(total_of(Tea, 0).await, None);
    assert_eq!(PRICES.total(), 10);
}

static LABELS: Runs = Runs::new();

trait Labels {
    fn label<D>(self: Arc<Self>, of: D) -> impl Future<Output = String> + Send + 'static
    where
        D: Display + Send + Sync + 'static;
}

struct Labeller {
    prefix: String,
}

impl Labels for Labeller {
    #[cached(key = (self.prefix, of.to_string()))]
    fn label<D>(self: Arc<Self>, of: D) -> impl Future<Output = String> + Send + 'static
    where
        D: Display + Send + Sync + 'static,
    {
        let labeller = Arc::clone(&self);
        async move {
            LABELS.count();
            tokio::task::yield_now().await;
            format!("{} {of} {}", labeller.prefix, size_of::<D>())
        }
    }
}

#[tokio::test]
async fn a_generic_method_of_an_arc_that_returns_a_future() {
    let prefix = "no.".to_owned();
    let labeller = Arc::new(Labeller { prefix });
    make_room();

    for _ in 0..2 {
        assert_eq!(labeller.clone().label(1_u8).await, "no. 1 1");
        assert_eq!(labeller.clone().label(2_u8).await, "no. 2 1");
        let spawned = tokio::spawn(labeller.clone().label(1_u64));
        assert!(spawned.await.is_ok_and(|label| label == "no. 1 8"));
    }
    assert_eq!(LABELS.total(), 3);
}
