//! Why there is no answer.

use std::fmt;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// `Clone`: callers that waited for the same answer have the failure of the one that asked for it.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The endpoint said why, and the client is told the same.
    Refused {
        status: StatusCode,
        body: String,
        retry_after: Option<HeaderValue>,
    },
    /// The key of the gateway is not one that the endpoint takes: none of the client's business.
    NotAllowed,
    Unreachable,
    TimedOut,
    /// What came is no answer.
    Garbled,
    /// The answer has ended before its end.
    BrokenOff,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused { .. } => "the endpoint refuses",
            Self::NotAllowed => "the endpoint does not let the gateway in",
            Self::Unreachable => "the endpoint cannot be reached",
            Self::TimedOut => "the endpoint takes too long",
            Self::Garbled => "the endpoint answers what is no answer",
            Self::BrokenOff => "the endpoint has broken off",
        })
    }
}

impl Failure {
    /// Of an event that is no chunk: endpoints that fail on the way say so in one.
    pub(crate) fn instead_of_chunk(event: String) -> Self {
        match serde_json::from_str::<Value>(&event) {
            Ok(Value::Object(fields)) if fields.contains_key("error") => Self::Refused {
                status: StatusCode::BAD_GATEWAY,
                body: event,
                retry_after: None,
            },
            _ => Self::Garbled,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Refused { status, .. } => *status,
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            Self::NotAllowed | Self::Unreachable | Self::Garbled | Self::BrokenOff => {
                StatusCode::BAD_GATEWAY
            }
        }
    }

    /// The failure as the endpoint would write it.
    pub(crate) fn body(&self) -> String {
        match self {
            Self::Refused { body, .. } => body.clone(),
            other => json!({"error": {"message": other.to_string(), "type": "gateway_error"}})
                .to_string(),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let json = [(CONTENT_TYPE, "application/json")];
        let mut response = (self.status(), json, self.body()).into_response();
        if let Self::Refused {
            retry_after: Some(after),
            ..
        } = self
        {
            response.headers_mut().insert(RETRY_AFTER, after);
        }
        response
    }
}
