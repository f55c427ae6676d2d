//! A gateway in front of an endpoint that speaks the protocol of `OpenAI`: what was answered before is
//! answered again, at once and for nothing, to each tenant what is its own.
//!
//!     OPENAI_API_KEY=sk-… cargo run --features axum --example llm_gateway
//!
//! Ask twice; the header `x-cache` says where an answer is from (`hit`, `miss`, `joined`, `stale`), and
//! `age` how many seconds old it is:
//!
//!     curl -i -H 'x-tenant: acme' http://127.0.0.1:3000/v1/chat/completions --json '{
//!         "model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Why is the sea salty?"}]}'
//!     curl -iN -H 'x-tenant: acme' http://127.0.0.1:3000/v1/chat/completions --json '{
//!         "model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Why is the sea salty?"}],
//!         "stream": true}'
//!
//! An answer that is cut off, filtered or empty is passed on and not kept, and so is a failure; one that has
//! tools called is an answer as any other. One that is paid for is kept although its client has gone. What
//! all of it took and what was saved, and how the caches stand:
//!
//!     curl http://127.0.0.1:3000/savings
//!     curl http://127.0.0.1:3000/health/ready
//!     curl http://127.0.0.1:3000/cache/status
//!     curl http://127.0.0.1:3000/cache/metrics
//!
//! These four are for operators: in front of a real service something lets nobody else through, and sets
//! `x-tenant` itself. Short questions can be read in the names of keys in Redis, unless
//! `CACHE_CUSTOM_CONFIG='{"key_privacy": "hashed"}'` says otherwise.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `LISTEN` | address and port; port 0 takes a free one | `127.0.0.1:3000` |
//! | `OPENAI_BASE_URL` | where the endpoint is | `https://api.openai.com/v1` |
//! | `OPENAI_API_KEY` | the key of the gateway; clients need none | |
//! | `OPENAI_TIMEOUT` | seconds to wait for an answer, and for each chunk of a stream | 120 |
//! | `CACHE_PRESET`, `CACHE_REDIS_URL`, … | as `larder::init` reads them; `ai-production` has room for more than a try | a few answers, in memory only |

#[path = "llm_gateway/answer.rs"]
mod answer;
#[path = "llm_gateway/failure.rs"]
mod failure;
#[path = "llm_gateway/request.rs"]
mod request;
#[path = "axum_app/serving.rs"]
mod serving;
#[path = "llm_gateway/sse.rs"]
mod sse;
#[path = "llm_gateway/upstream.rs"]
mod upstream;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error;
use std::future::ready;
use std::process::ExitCode;
use std::{env, io};

use answer::{Chunk, Completion};
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::{AGE, CONTENT_TYPE};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use failure::Failure;
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use larder::axum::{Ai, KindCache, Routes, TenantLayer};
use larder::cached;
use larder::call::{self, Control, Origin, Outcome};
use request::ChatRequest;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use upstream::Upstream;

/// An answer in one piece.
#[cached(
    kind = "ai",
    op = "chat",
    ttl = "1h",
    options = request,
    detach,
    tokens = |it| it.usage.total_tokens,
    cost = |it| it.usage.cost()
)]
async fn chat(
    upstream: Upstream,
    text: String,
    request: ChatRequest,
) -> Result<Completion, Failure> {
    // It is in the request as well: here it says what of that is the text.
    drop(text);
    upstream.complete(&request).await
}

/// An answer in pieces, which others follow while it comes. One that breaks off is a failure; one that
/// has ended in another way than it should is no answer to keep.
#[cached(
    kind = "ai",
    op = "chat.stream",
    ttl = "1h",
    options = request,
    detach,
    cache_if = |chunks| answer::is_complete(chunks),
    tokens = |chunks| answer::usage_of(chunks).total_tokens,
    cost = |chunks| answer::usage_of(chunks).cost()
)]
fn chat_in_pieces(
    upstream: Upstream,
    text: String,
    request: ChatRequest,
) -> impl Stream<Item = Result<Chunk, Failure>> + Send {
    drop(text);
    upstream.stream(request)
}

async fn answer(
    State(upstream): State<Upstream>,
    Json(request): Json<ChatRequest>,
) -> Result<Response, Failure> {
    let text = request.question();
    if request.stream {
        return answer_in_pieces(upstream, text, request).await;
    }
    let answer = call::outcome(chat(upstream, text, request)).await;
    let source = source_of(&answer);
    let json = [(CONTENT_TYPE, "application/json")];
    Ok((source, json, answer.value?.body).into_response())
}

async fn answer_in_pieces(
    upstream: Upstream,
    text: String,
    request: ChatRequest,
) -> Result<Response, Failure> {
    let wants_usage = request.wants_usage();
    let mut chunks = call::stream(Control::new(), chat_in_pieces(upstream, text, request));
    // With the first chunk it is known where the others are from. A failure before it has its status.
    let first = chunks.next().await.transpose()?;
    let source = chunks.outcome().as_ref().map(source_of);
    let chunks = stream::iter(first.map(Ok)).chain(chunks);
    let is_wanted = move |chunk: &Chunk| wants_usage || !chunk.is_bill();
    let chunks = chunks.try_filter(move |chunk| ready(is_wanted(chunk)));
    let events = chunks.map(Some).chain(stream::once(ready(None)));
    let events = events.scan(false, |has_failed, next| {
        ready(match next {
            _ if *has_failed => None,
            Some(Ok(chunk)) => Some(chunk.data),
            Some(Err(failure)) => {
                *has_failed = true;
                Some(failure.body())
            }
            None => Some("[DONE]".to_owned()),
        })
    });
    let events = events.map(|data| Ok::<_, Infallible>(Event::default().data(data)));
    let events = Sse::new(events).keep_alive(KeepAlive::default());
    Ok((source, events).into_response())
}

type Source = [(HeaderName, String); 2];

/// Where an answer is from, and how many seconds ago it was made.
fn source_of<T>(outcome: &Outcome<T>) -> Source {
    let word = match outcome.origin {
        Origin::Memory | Origin::Store => "hit",
        Origin::Joined => "joined",
        Origin::Stale(_) => "stale",
        _ => "miss",
    };
    [
        (HeaderName::from_static("x-cache"), word.to_owned()),
        (AGE, outcome.age.as_secs().to_string()),
    ]
}

/// What answers took and what was saved, by operation and by tenant.
async fn savings(cache: KindCache<Ai>) -> Json<Value> {
    let statistics = cache.statistics();
    let operations = statistics.operations.iter();
    let operations: BTreeMap<_, _> = operations.map(|(name, it)| (name, it.savings)).collect();
    Json(json!({
        "operations": operations,
        "tenants": statistics.tenants,
        "other_tenants": statistics.other_tenants,
    }))
}

fn gateway(upstream: Upstream) -> Router {
    let tenant = TenantLayer::header(HeaderName::from_static("x-tenant")).required();
    Router::new()
        .route("/v1/chat/completions", post(answer).layer(tenant))
        .route("/savings", get(savings))
        .merge(Routes::new().into_router())
        .with_state(upstream)
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
    let upstream = Upstream::from_env()?;
    larder::init().await?;
    larder::verify()?;

    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(&address).await.map_err(|error| {
        format!("LISTEN is {address:?}, which is no address and port to listen on: {error}")
    })?;
    println!("listening on http://{}", listener.local_addr()?);
    let served = serving::serve(listener, gateway(upstream)).await;

    // Answers that are still under way without their clients, and what is queued for Redis.
    larder::close().await;
    Ok(served?)
}
