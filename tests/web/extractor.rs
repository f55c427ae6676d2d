//! The cache behind a kind, as an argument of a handler.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get as on_get;
use larder::axum::{KindCache, KindName};

use crate::get;
use crate::support::{register, roomy};

#[tokio::test]
async fn a_handler_is_given_the_cache_of_its_kind_whatever_its_state() {
    #[derive(Clone)]
    struct Application {
        name: &'static str,
    }

    enum Extracted {}
    impl KindName for Extracted {
        const KIND: &'static str = "extracted";
    }

    async fn visits(
        State(application): State<Application>,
        cache: KindCache<Extracted>,
        optional: Option<KindCache<Extracted>>,
    ) -> String {
        assert!(optional.is_some());
        let visits: u32 = cache.get("visits").await.unwrap_or(0) + 1;
        cache.into_inner().set("visits", visits).await;
        format!("{} {visits}", application.name)
    }

    let cache = register("extracted", roomy());
    let with_state: Router = Router::new()
        .route("/", on_get(visits))
        .with_state(Application { name: "ours" });
    assert_eq!(get(&with_state, "/").await.body, "ours 1");
    assert_eq!(get(&with_state, "/").await.body, "ours 2");
    assert_eq!(cache.get::<u32>("visits").await, Some(2));
}

#[tokio::test]
async fn a_kind_that_nobody_registered_is_a_problem_that_names_it() {
    enum Forgotten {}
    impl KindName for Forgotten {
        const KIND: &'static str = "forgotten";
    }

    async fn handler(_cache: KindCache<Forgotten>) {}
    async fn can_do_without(cache: Option<KindCache<Forgotten>>) -> String {
        format!("{}", cache.is_some())
    }

    let router = Router::new()
        .route("/", on_get(handler))
        .route("/without", on_get(can_do_without));
    let answer = get(&router, "/").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.problem().contains("`forgotten`"), "{answer:?}");
    assert_eq!(get(&router, "/without").await.body, "false");

    register("forgotten", roomy());
    assert_eq!(get(&router, "/").await.status, StatusCode::OK);
    assert_eq!(get(&router, "/without").await.body, "true");
}
