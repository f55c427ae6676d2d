//! Who may use the routes that are not for everybody.

use std::fmt;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use cache_runtime::CacheError;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use crate::problem::Problem;

/// Decides which requests may use the routes that [`Routes`](crate::Routes) guards.
///
/// Cheap to clone. `Debug` shows no token.
#[derive(Clone)]
pub struct Guard(Arc<Check>);

enum Check {
    Bearer(SecretString),
    When(Box<dyn Fn(&Parts) -> bool + Send + Sync>),
}

impl Guard {
    /// Lets those pass who send this token, as `Authorization: Bearer <token>`; others are answered
    /// 401.
    ///
    /// How long the comparison takes says nothing of the token but its length. The token travels as
    /// it is: use TLS, or a network that nobody listens in.
    ///
    /// # Errors
    /// [`CacheError::Validation`] if the token is empty, or has characters that cannot be sent:
    /// anything but visible ASCII, such as the line break at the end of a file.
    ///
    /// ```
    /// # mod larder { pub use cache_web as axum; }
    /// use larder::axum::Guard;
    ///
    /// assert!(Guard::bearer("3d6bf24b0e4f").is_ok());
    /// assert!(Guard::bearer("").is_err());
    /// assert!(Guard::bearer("3d6bf24b0e4f\n").is_err());
    /// ```
    pub fn bearer(token: impl Into<SecretString>) -> Result<Self, CacheError> {
        let token = token.into();
        let text = token.expose_secret();
        let found = if text.is_empty() {
            "an empty text"
        } else if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(Arc::new(Check::Bearer(token))));
        } else {
            "other characters, or spaces"
        };
        Err(CacheError::Validation {
            subject: "the bearer token of a guard",
            found: found.to_owned(),
            expected: "visible ASCII characters, such as `openssl rand -hex 32` prints them",
        })
    }

    /// Lets those pass for whom `passes` says so; others are answered 403.
    ///
    /// It is called before the body is read, and must not block. A panic in it ends the request, as a
    /// panic in a handler does; nobody passes by it.
    ///
    /// ```
    /// # mod larder { pub use cache_web as axum; }
    /// use larder::axum::Guard;
    ///
    /// /// What a layer of the application's own has found out.
    /// #[derive(Clone)]
    /// struct User { is_operator: bool }
    ///
    /// let guard = Guard::when(|parts| {
    ///     let user = parts.extensions.get::<User>();
    ///     user.is_some_and(|user| user.is_operator)
    /// });
    /// # let _ = guard;
    /// ```
    pub fn when(passes: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(Check::When(Box::new(passes))))
    }

    fn refusal(&self, parts: &Parts) -> Option<Response> {
        match &*self.0 {
            Check::Bearer(token) => refusal_of_token(token, &parts.headers),
            Check::When(passes) => (!passes(parts)).then(|| {
                let detail = "this request is not allowed here";
                Problem::new(StatusCode::FORBIDDEN, detail).into_response()
            }),
        }
    }
}

fn refusal_of_token(token: &SecretString, headers: &HeaderMap) -> Option<Response> {
    let (detail, challenge) = match bearer_token(headers) {
        None => (
            "expected the header `Authorization: Bearer <token>`",
            "Bearer",
        ),
        Some(sent) => {
            if bool::from(sent.ct_eq(token.expose_secret().as_bytes())) {
                return None;
            }
            (
                "this is not the bearer token of this application",
                "Bearer error=\"invalid_token\"",
            )
        }
    };
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, detail).into_response();
    response
        .headers_mut()
        .insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    Some(response)
}

/// The token that was sent, whatever the case of the word before it.
fn bearer_token(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then(|| token.trim_ascii())
}

/// Goes on with requests that pass, and answers the others.
pub(crate) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match guard.refusal(&parts) {
        Some(refusal) => refusal,
        None => next.run(Request::from_parts(parts, body)).await,
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let check = match &*self.0 {
            Check::Bearer(_) => "Bearer",
            Check::When(_) => "When",
        };
        f.debug_tuple("Guard").field(&check).finish()
    }
}
