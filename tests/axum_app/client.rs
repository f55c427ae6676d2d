//! A client that keeps one connection.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value as Json;
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).expect("a header");
        value.to_str().expect("text")
    }

    /// Where the cache had it from.
    pub(crate) fn origin(&self) -> &str {
        self.header("x-cache")
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// One connection, over which one request goes after the other.
#[derive(Debug)]
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await.map_err(text)?;
        stream.set_nodelay(true).map_err(text)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(text)?;
        tokio::spawn(connection);
        let host = address.to_string();
        Ok(Self { sender, host })
    }

    /// Sends a request and waits for the whole answer, for ten seconds at most.
    pub(crate) async fn ask(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, String> {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("host", &self.host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).map_err(text)?;
        let answer = async {
            self.sender.ready().await.map_err(text)?;
            let response = self.sender.send_request(request).await.map_err(text)?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(text)?.to_bytes();
            Ok(Answer {
                status: parts.status,
                headers: parts.headers,
                body: String::from_utf8(body.to_vec()).map_err(text)?,
            })
        };
        let answer = timeout(PATIENCE, answer).await;
        answer.unwrap_or_else(|_| Err(format!("no answer to {path} within {PATIENCE:?}")))
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Answer, String> {
        self.ask(Method::GET, path, &[], "").await
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
