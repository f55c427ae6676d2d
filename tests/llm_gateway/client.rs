//! The gateway, and those who ask it.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::handshake;
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::endpoint::Endpoint;
use crate::support::eventually;
use crate::support::example::Example;

const PATIENCE: Duration = Duration::from_secs(10);

/// A gateway that runs before an endpoint.
#[derive(Debug)]
pub(crate) struct Gateway(Example);

/// An answer whose body is yet to come.
pub(crate) struct Opened {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Incoming,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Gateway {
    pub(crate) fn before(endpoint: &Endpoint) -> Self {
        Self::with(endpoint, &[])
    }

    pub(crate) fn over(endpoint: &Endpoint, redis: &str) -> Self {
        // On a busy machine Redis may take longer than it is given by default.
        let settings = r#"{"store_budget": "2s"}"#;
        let variables = [
            ("CACHE_REDIS_URL", redis),
            ("CACHE_CUSTOM_CONFIG", settings),
        ];
        Self::with(endpoint, &variables)
    }

    pub(crate) fn with(endpoint: &Endpoint, variables: &[(&str, &str)]) -> Self {
        let base_url = endpoint.base_url();
        let mut all = vec![
            ("OPENAI_BASE_URL", base_url.as_str()),
            ("OPENAI_API_KEY", "sk-parrot"),
        ];
        all.extend(variables);
        Self(Example::start("llm_gateway", &all))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path), Bytes::new())
            .await
            .whole()
            .await
    }

    /// Asks for an answer, and reads none of it.
    pub(crate) async fn open(&self, tenant: &str, request: &Value) -> Opened {
        let post = Request::post("/v1/chat/completions")
            .header("content-type", "application/json")
            .header("x-tenant", tenant);
        self.send(post, request.to_string()).await
    }

    pub(crate) async fn ask(&self, tenant: &str, request: &Value) -> Answer {
        self.open(tenant, request).await.whole().await
    }

    async fn send(&self, request: hyper::http::request::Builder, body: impl Into<Bytes>) -> Opened {
        let sent = async {
            let stream = TcpStream::connect(self.0.address()).await;
            let stream = TokioIo::new(stream.expect("a connection"));
            let (mut sender, connection) = handshake(stream).await.expect("HTTP");
            tokio::spawn(connection);
            let request = request
                .header("host", "gateway")
                .body(Full::new(body.into()));
            let sent = sender.send_request(request.expect("a request"));
            let (parts, body) = sent.await.expect("an answer").into_parts();
            Opened {
                status: parts.status,
                headers: parts.headers,
                body,
            }
        };
        timeout(PATIENCE, sent).await.expect("an answer in time")
    }

    /// Waits until the way to Redis is `healthy`, or is not.
    pub(crate) async fn redis_is(&self, status: &str) {
        eventually(status, async || {
            let health = self.get("/health/ready").await.json();
            let kinds = health["kinds"].as_array().into_iter().flatten();
            let parts = kinds.flat_map(|kind| kind["parts"].as_array().into_iter().flatten());
            let mut stores = parts.filter(|part| part["part"] == "store");
            stores.all(|store| store["status"] == status)
        })
        .await;
    }

    /// Ends it as a system would, and gives what it had to say.
    pub(crate) fn terminate(self) -> String {
        self.0.terminate();
        let ended = self.0.wait();
        assert!(ended.status.success(), "{ended:?}");
        ended.warnings
    }
}

impl Opened {
    pub(crate) fn source(&self) -> &str {
        source(&self.headers)
    }

    /// What has come since, at least one byte; `None` at the end.
    pub(crate) async fn some(&mut self) -> Option<String> {
        let frame = timeout(PATIENCE, self.body.frame()).await;
        let frame = frame.expect("some bytes in time")?.expect("a whole body");
        let bytes = frame.into_data().expect("bytes");
        Some(String::from_utf8(bytes.to_vec()).expect("whole characters"))
    }

    pub(crate) async fn whole(mut self) -> Answer {
        let mut body = String::new();
        while let Some(some) = self.some().await {
            body += &some;
        }
        Answer {
            status: self.status,
            headers: self.headers,
            body,
        }
    }
}

impl Answer {
    pub(crate) fn source(&self) -> &str {
        source(&self.headers)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// The data of its events.
    pub(crate) fn events(&self) -> Vec<&str> {
        let events = self.body.split_terminator("\n\n");
        let data = |event: &str| event.starts_with("data: ").then_some(6);
        events
            .map(|event| &event[data(event).expect("nothing but data")..])
            .collect()
    }

    /// What was said.
    pub(crate) fn text(&self) -> String {
        let said = |choice: Value| choice["content"].as_str().unwrap_or_default().to_owned();
        if !self.headers["content-type"]
            .as_bytes()
            .starts_with(b"text/event-stream")
        {
            return said(self.json()["choices"][0]["message"].clone());
        }
        let mut events = self.events();
        assert_eq!(events.pop(), Some("[DONE]"), "{self:?}");
        let read = |event: &str| serde_json::from_str::<Value>(event).expect("JSON");
        let texts = events
            .into_iter()
            .map(|event| said(read(event)["choices"][0]["delta"].clone()));
        texts.collect()
    }
}

fn source(headers: &HeaderMap) -> &str {
    let source = headers.get("x-cache").expect("where it is from");
    source.to_str().expect("text")
}

/// A question to a model, for an answer in one piece.
pub(crate) fn asks(model: &str, question: &str) -> Value {
    let messages = json!([
        {"role": "system", "content": "You are a lighthouse keeper."},
        {"role": "user", "content": question},
    ]);
    json!({"model": model, "messages": messages, "temperature": 0.5})
}

/// The same for an answer in pieces.
pub(crate) fn streams(model: &str, question: &str) -> Value {
    let mut request = asks(model, question);
    request["stream"] = true.into();
    request
}
