//! What a request that cannot be answered is answered with.

use std::fmt;

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use cache_runtime::CacheError;
use serde::Serialize;

/// An error as a handler returns it: a status, and one sentence for people.
///
/// As a response it is JSON after RFC 9457, `application/problem+json`, with `status`, `title` (the
/// words that belong to the status) and `detail`. Nothing of it is taken from cached values.
///
/// A [`CacheError`] becomes one with status 500 and lists every problem, so that `?` does:
///
/// ```
/// # mod larder { pub use cache_runtime::*; pub use cache_web as axum; }
/// use larder::axum::Problem;
///
/// async fn check() -> Result<&'static str, Problem> {
///     larder::verify()?;
///     Ok("every annotated function has its cache")
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    detail: String,
}

#[derive(Serialize)]
struct Body<'a> {
    status: u16,
    title: &'a str,
    detail: &'a str,
}

impl Problem {
    /// A problem with this status, described by a sentence.
    ///
    /// ```
    /// # mod larder { pub use cache_web as axum; }
    /// use axum::{http::StatusCode, response::IntoResponse};
    /// use larder::axum::Problem;
    ///
    /// let problem = Problem::new(StatusCode::NOT_FOUND, "nobody knows article 7");
    /// assert_eq!(problem.to_string(), "nobody knows article 7");
    /// assert_eq!(problem.into_response().status(), StatusCode::NOT_FOUND);
    /// ```
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
        }
    }

    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Problem {}

impl From<CacheError> for Problem {
    fn from(error: CacheError) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            status: self.status.as_u16(),
            title: self.status.canonical_reason().unwrap_or("Error"),
            detail: &self.detail,
        };
        let headers = [
            (CONTENT_TYPE, "application/problem+json"),
            (CACHE_CONTROL, "no-store"),
        ];
        (self.status, headers, Json(body)).into_response()
    }
}
