//! The endpoint behind the gateway.

use std::error::Error;
use std::future::Future;
use std::time::Duration;
use std::{env, fmt};

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Request, Response, StatusCode, Uri};
use futures_util::stream::{self, Stream, TryStreamExt};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;

use crate::answer::{Chunk, Completion};
use crate::failure::Failure;
use crate::request::ChatRequest;
use crate::sse::Events;

const ENDPOINT: &str = "https://api.openai.com/v1";

/// So long a client waits for an answer, and for the next chunk of a stream.
const PATIENCE: Duration = Duration::from_secs(120);

/// No answer in one piece is longer, in bytes.
const LONGEST_ANSWER: usize = 8 << 20;

/// An endpoint that speaks the protocol of `OpenAI`. In a key it is where it is: what another one
/// answers is another answer. Who asks it is not.
#[derive(Clone, Serialize)]
pub(crate) struct Upstream {
    base_url: String,
    #[serde(skip)]
    key: Option<HeaderValue>,
    #[serde(skip)]
    patience: Duration,
    #[serde(skip)]
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Upstream {
    pub(crate) fn from_env() -> Result<Self, Box<dyn Error>> {
        let base_url = env::var("OPENAI_BASE_URL").unwrap_or_else(|_| ENDPOINT.to_owned());
        let base_url = base_url.trim_end_matches('/').to_owned();
        let is_address = base_url.parse::<Uri>().is_ok_and(|uri| {
            uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https"))
        });
        if !is_address {
            return Err(
                "OPENAI_BASE_URL is no address: expected http:// or https:// and a host".into(),
            );
        }
        let key = env::var("OPENAI_API_KEY").ok().map(|key| {
            let mut key = HeaderValue::try_from(format!("Bearer {key}"))
                .map_err(|_| "OPENAI_API_KEY is no key")?;
            key.set_sensitive(true);
            Ok::<_, &str>(key)
        });
        let patience = env::var("OPENAI_TIMEOUT").ok().map(|seconds| {
            let seconds = seconds
                .parse()
                .map_err(|_| "OPENAI_TIMEOUT is no number of seconds")?;
            Duration::try_from_secs_f64(seconds).map_err(|_| "OPENAI_TIMEOUT is no time")
        });
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            base_url,
            key: key.transpose()?,
            patience: patience.transpose()?.unwrap_or(PATIENCE),
            http: Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    /// An answer in one piece.
    pub(crate) async fn complete(&self, request: &ChatRequest) -> Result<Completion, Failure> {
        let answer = async {
            let response = self.send(&request.in_one_piece()).await?;
            Completion::read(text(response).await?).map_err(|_| Failure::Garbled)
        };
        within(self.patience, answer).await
    }

    /// An answer in pieces. It has come to its end when the endpoint says so.
    pub(crate) fn stream(
        self,
        request: ChatRequest,
    ) -> impl Stream<Item = Result<Chunk, Failure>> + Send {
        let begin = async move {
            let request = request.in_pieces();
            let sent = self.send(&request);
            let reading = Reading {
                body: within(self.patience, sent).await?.into_body(),
                events: Events::default(),
                patience: self.patience,
            };
            Ok(stream::try_unfold(reading, Reading::next))
        };
        stream::once(begin).try_flatten()
    }

    async fn send(&self, request: &ChatRequest) -> Result<Response<Incoming>, Failure> {
        let body = serde_json::to_vec(request).map_err(|_| Failure::Garbled)?;
        let mut post = Request::post(format!("{}/chat/completions", self.base_url))
            .header(CONTENT_TYPE, "application/json");
        if let Some(key) = &self.key {
            post = post.header(AUTHORIZATION, key);
        }
        let post = post
            .body(Full::from(body))
            .map_err(|_| Failure::Unreachable)?;
        let sent = self.http.request(post).await;
        let response = sent.map_err(|error| {
            // What it says is of connections, and not of what was asked.
            tracing::warn!(%error, cause = error.source().map(tracing::field::display), "no answer");
            Failure::Unreachable
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::NotAllowed,
            _ if status.is_client_error() || status.is_server_error() => Failure::Refused {
                status,
                retry_after: response.headers().get(RETRY_AFTER).cloned(),
                body: text(response).await?,
            },
            _ => Failure::Garbled,
        })
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

/// A stream that is being read.
struct Reading {
    body: Incoming,
    events: Events,
    patience: Duration,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(Chunk, Self)>, Failure> {
        loop {
            match self.events.next().map_err(|_| Failure::Garbled)? {
                Some(end) if end == "[DONE]" => return Ok(None),
                Some(event) => {
                    let chunk = Chunk::read(event.clone());
                    let chunk = chunk.map_err(|_| Failure::instead_of_chunk(event))?;
                    return Ok(Some((chunk, self)));
                }
                None => {}
            }
            let frame = within(self.patience, async { Ok(self.body.frame().await) }).await?;
            // The end of the connection is not the end of the answer.
            let frame = frame.and_then(Result::ok).ok_or(Failure::BrokenOff)?;
            if let Some(bytes) = frame.data_ref() {
                self.events.push(bytes);
            }
        }
    }
}

async fn text(response: Response<Incoming>) -> Result<String, Failure> {
    let body = Limited::new(response.into_body(), LONGEST_ANSWER);
    let body = body.collect().await.map_err(|error| {
        if error.is::<hyper::Error>() {
            Failure::BrokenOff
        } else {
            Failure::Garbled
        }
    })?;
    String::from_utf8(body.to_bytes().to_vec()).map_err(|_| Failure::Garbled)
}

async fn within<T>(
    patience: Duration,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let answer = tokio::time::timeout(patience, answer).await;
    answer.unwrap_or(Err(Failure::TimedOut))
}
