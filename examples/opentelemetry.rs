//! Spans of cached calls in OpenTelemetry: what a trace of a request shows of its cache.
//!
//! ```sh
//! cargo run --example opentelemetry
//! ```
//!
//! The spans are printed. An application sends them to its collector instead, with `opentelemetry-otlp` in
//! the place of `opentelemetry-stdout`; nothing else is different.

use std::error::Error;

use larder::cached;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Instrument, info_span};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

#[cached(kind = "web", op = "user.name", ttl = "15m")]
async fn name(id: u64) -> Result<String, std::io::Error> {
    let query = info_span!("query the database");
    Ok(async { format!("user {id}") }.instrument(query).await)
}

/// As a handler of an HTTP server does it, which has a span for each request.
async fn answer_request(id: u64) -> Result<String, std::io::Error> {
    let span = info_span!("GET /users/{id}");
    name(id).instrument(span).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("users").build())
        .with_simple_exporter(opentelemetry_stdout::SpanExporter::default())
        .build();
    // The spans of the cache are for those who look into one request: they have the level DEBUG. The
    // filter of this layer says who gets them, whatever is logged elsewhere.
    let wanted = Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("larder", LevelFilter::DEBUG);
    let traces = tracing_opentelemetry::layer().with_tracer(provider.tracer("users"));
    tracing_subscriber::registry()
        .with(traces.with_filter(wanted))
        .init();

    larder::init().await?;
    // Below the span of the request: the look-up, and the body with what it does.
    answer_request(7).await?;
    // From memory: nothing below the span of the request.
    answer_request(7).await?;
    larder::close().await;
    provider.shutdown()?;
    Ok(())
}
