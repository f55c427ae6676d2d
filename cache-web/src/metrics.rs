//! `GET /cache/metrics`: figures in the text format of Prometheus, version 0.0.4.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use cache_runtime::publish_metrics;
use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, Recorder, SharedString, Unit,
    with_local_recorder,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use crate::figures::count;
use crate::problem::Problem;

pub(crate) async fn metrics() -> Result<impl IntoResponse, Problem> {
    let text = count(exposition).await?;
    let headers = [
        (CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, text))
}

/// Of what the caches have counted, and of nothing that the application measures besides: the recorder is
/// made for this alone, and knows no kind that is not registered any more.
fn exposition() -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    with_local_recorder(&Escaping(&recorder), publish_metrics);
    recorder.handle().render()
}

/// Hands over labels so that the recorder shows them as they are.
///
/// It takes a backslash for the first half of something that is escaped already, so that names of kinds that
/// differ by one would become the same. One that is doubled it leaves alone.
struct Escaping<'a>(&'a PrometheusRecorder);

impl Escaping<'_> {
    fn key(key: &Key) -> Key {
        let labels = key.labels().map(|label| {
            let value = label.value().replace('\\', r"\\");
            Label::new(label.key().to_owned(), value)
        });
        Key::from_parts(key.name().to_owned(), labels.collect::<Vec<_>>())
    }
}

impl Recorder for Escaping<'_> {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.0.describe_counter(name, unit, help);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.0.describe_gauge(name, unit, help);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.0.describe_histogram(name, unit, help);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.0.register_counter(&Self::key(key), metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.0.register_gauge(&Self::key(key), metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.0.register_histogram(&Self::key(key), metadata)
    }
}
