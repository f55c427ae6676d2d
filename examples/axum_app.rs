//! A small service with axum: it looks products up in a slow database, and it summarizes texts for
//! its customers.
//!
//!     OPERATOR_TOKEN=secret cargo run --features axum --example axum_app
//!
//! Everything that is asked twice comes from the cache; the header `x-cache` says so:
//!
//!     curl -i http://127.0.0.1:3000/products/7
//!     curl -X PUT --json 1250 http://127.0.0.1:3000/products/7/price
//!     curl -i -H 'x-tenant: acme' --data-binary @README.md http://127.0.0.1:3000/summaries
//!
//! What operators ask is below `/internal`:
//!
//!     curl http://127.0.0.1:3000/internal/health/ready
//!     curl http://127.0.0.1:3000/internal/cache/status
//!     curl http://127.0.0.1:3000/internal/cache/metrics
//!     curl --json '{"kind": "ai", "operation": "summarize"}' -H 'Authorization: Bearer secret' \
//!         http://127.0.0.1:3000/internal/cache/invalidate
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `LISTEN` | address and port; port 0 takes a free one | `127.0.0.1:3000` |
//! | `OPERATOR_TOKEN` | who has it may invalidate; without it nobody may | |
//! | `CACHE_REDIS_URL`, … | as `larder::init` reads them | in memory only |

#[path = "axum_app/serving.rs"]
mod serving;
#[path = "axum_app/shop.rs"]
mod shop;
#[path = "quickstart/summarize.rs"]
mod summarize;

use std::error::Error;
use std::process::ExitCode;
use std::{env, io};

use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use larder::axum::{Guard, KindCache, Problem, Routes, TenantLayer, Web};
use larder::cached;
use larder::call::{self, Outcome};
use shop::{Product, Shop};
use summarize::Summary;
use tokio::net::TcpListener;

const SENTENCES: usize = 3;

/// A product as the database has it. Where it has none, that is kept too, for a while: somebody asks
/// for what is not there again and again.
#[cached(
    kind = "web",
    op = "product",
    ttl = "10m",
    none_ttl = "10s",
    skip(shop),
    tags("product:{id}")
)]
async fn product(shop: &Shop, id: u32) -> Option<Product> {
    shop.find(id).await
}

/// The best sentences of a text. How long they are kept is what the preset says for `summarize`.
#[cached(kind = "ai", op = "summarize")]
async fn summary(text: &str, sentences: usize) -> Summary {
    tokio::task::block_in_place(|| summarize::summarize(text, sentences))
}

async fn show_product(
    State(shop): State<Shop>,
    Path(id): Path<u32>,
) -> Result<impl IntoResponse, Problem> {
    let found = call::outcome(product(&shop, id)).await;
    let origin = origin_of(&found);
    let product = found
        .value
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, format!("there is no product {id}")))?;
    Ok((origin, Json(product)))
}

/// First the database, then the cache: who asks from now on is told the new price.
async fn change_price(
    State(shop): State<Shop>,
    Path(id): Path<u32>,
    cache: KindCache<Web>,
    Json(cents): Json<u32>,
) -> StatusCode {
    shop.change_price(id, cents);
    cache.remove_tag(&format!("product:{id}")).await;
    StatusCode::NO_CONTENT
}

async fn show_summary(text: String) -> impl IntoResponse {
    let summary = call::outcome(summary(&text, SENTENCES)).await;
    (origin_of(&summary), Json(summary.value))
}

fn origin_of<T>(outcome: &Outcome<T>) -> [(&'static str, String); 1] {
    [("x-cache", outcome.origin.to_string())]
}

fn application(operators: Routes) -> Router {
    // The texts of one customer are nothing that another one is answered with. In front of a real
    // service, the gateway that knows the customers sets this header, and lets none through.
    let tenant = TenantLayer::header(HeaderName::from_static("x-tenant")).required();
    Router::new()
        .route("/products/{id}", get(show_product))
        .route("/products/{id}/price", put(change_price))
        .route("/summaries", post(show_summary).layer(tenant))
        .nest("/internal", operators.into_router())
        .with_state(Shop::open())
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(io::stderr)
        .init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let operators = match env::var("OPERATOR_TOKEN") {
        Ok(token) => Routes::new().guard(Guard::bearer(token)?),
        Err(_) => Routes::new(),
    };
    larder::init().await?;
    // A function whose kind nobody registered would run without a cache; this service does not start.
    larder::verify()?;

    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let served = serving::serve(listener, application(operators)).await;

    // What is queued for Redis is written, and other processes are told that this one is gone.
    larder::close().await;
    Ok(served?)
}
