//! One run of the example.

use std::net::SocketAddr;

use hyper::Method;
use serde_json::Value as Json;

use crate::client::{Answer, Client};
use crate::support::example::{Ended, Example};

pub(crate) const TOKEN: &str = "3d6bf24b0e4f";

/// The service. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct App(Example);

impl App {
    pub(crate) fn start(variables: &[(&str, &str)]) -> Self {
        Self(Example::start("axum_app", variables))
    }

    /// With this Redis, and operators who have the token.
    pub(crate) fn over(url: &str) -> Self {
        Self::start(&[("CACHE_REDIS_URL", url), ("OPERATOR_TOKEN", TOKEN)])
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address()
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address()).await.expect("a connection")
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<hyper::body::Bytes>,
    ) -> Answer {
        let mut client = self.client().await;
        let answer = client.ask(method, path, headers, body).await;
        answer.expect("an answer")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[], "").await
    }

    /// A summary for a tenant.
    pub(crate) async fn summarize(&self, tenant: &str, text: &str) -> Answer {
        let headers = [("x-tenant", tenant)];
        let text = text.to_owned();
        self.ask(Method::POST, "/summaries", &headers, text).await
    }

    /// Invalidates as an operator.
    pub(crate) async fn invalidate(&self, body: &Json) -> Answer {
        let bearer = format!("Bearer {TOKEN}");
        let headers = [
            ("content-type", "application/json"),
            ("authorization", bearer.as_str()),
        ];
        let path = "/internal/cache/invalidate";
        self.ask(Method::POST, path, &headers, body.to_string())
            .await
    }

    /// Asks the process to end (SIGTERM).
    pub(crate) fn terminate(&self) {
        self.0.terminate();
    }

    /// Waits for the end of the process, for twenty seconds at most.
    pub(crate) fn wait(self) -> Ended {
        self.0.wait()
    }
}
