//! A layer that makes everything in a request belong to a tenant.

use std::fmt;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use cache_runtime::call;
use http_body::{Frame, SizeHint};
use tower_layer::Layer;
use tower_service::Service;

use crate::problem::Problem;

/// Makes every cached call in a request belong to the tenant of the request, as
/// [`call::tenant`](cache_runtime::call::tenant()) does: handlers, the layers inside of this one, and
/// response bodies that are streamed. What they spawn needs `larder::call::carry`, and so does what
/// goes on after an upgrade, such as a web socket.
///
/// A request without a tenant goes on without one, in the partition of all calls that have none;
/// after [`required`](Self::required) it is answered 400. An empty tenant is none.
///
/// **Whoever chooses the tenant, chooses whose answers are read.** A header that clients may set as
/// they like is no tenant, unless something in front of the application removes or checks it. What
/// the application itself has verified, such as the claims of a token, belongs into an extension of
/// the request, and is taken from there. The layer that puts it there is added after this one: of
/// the layers of a router, the last one comes first.
///
/// ```
/// # mod larder { pub use cache_web as axum; }
/// use axum::{Router, routing::get};
/// use larder::axum::TenantLayer;
///
/// /// What a layer of the application's own has verified.
/// #[derive(Clone)]
/// struct Claims { customer: String }
///
/// # async fn invoices() {}
/// # async fn verify(request: axum::extract::Request, next: axum::middleware::Next)
/// #     -> axum::response::Response { next.run(request).await }
/// let application: Router = Router::new()
///     .route("/invoices", get(invoices))
///     .layer(
///         TenantLayer::new(|parts| {
///             let claims = parts.extensions.get::<Claims>()?;
///             Some(claims.customer.clone())
///         })
///         .required(),
///     )
///     .layer(axum::middleware::from_fn(verify));
/// ```
///
/// A panic in the closure ends the request as a panic in a handler does, before the handler is
/// called.
#[derive(Clone)]
pub struct TenantLayer {
    source: Arc<Source>,
    is_required: bool,
}

enum Source {
    Header(HeaderName),
    Closure(Box<TenantOf>),
}

type TenantOf = dyn Fn(&Parts) -> Option<String> + Send + Sync;

impl TenantLayer {
    /// Takes the tenant from what the closure finds in the request. It must not block.
    pub fn new(tenant_of: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        Self::of(Source::Closure(Box::new(tenant_of)))
    }

    /// Takes the tenant from this header. One that comes twice, or that is no visible ASCII, is
    /// answered 400 in any case.
    ///
    /// ```
    /// # mod larder { pub use cache_web as axum; }
    /// use axum::http::HeaderName;
    /// use larder::axum::TenantLayer;
    ///
    /// // The gateway in front of the application sets it, and lets none through from outside.
    /// let layer = TenantLayer::header(HeaderName::from_static("x-tenant")).required();
    /// # let _ = layer;
    /// ```
    #[must_use]
    pub fn header(name: HeaderName) -> Self {
        Self::of(Source::Header(name))
    }

    /// Answers requests without a tenant with 400.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    fn of(source: Source) -> Self {
        Self {
            source: Arc::new(source),
            is_required: false,
        }
    }

    fn tenant_of(&self, parts: &Parts) -> Result<Option<Arc<str>>, Problem> {
        let found = match &*self.source {
            Source::Header(name) => in_header(name, &parts.headers)?.map(Arc::from),
            Source::Closure(tenant_of) => tenant_of(parts).map(Arc::from),
        };
        let found = found.filter(|tenant: &Arc<str>| !tenant.is_empty());
        if found.is_none() && self.is_required {
            let detail = match &*self.source {
                Source::Header(name) => {
                    format!("found no tenant, expected one in the header `{name}`")
                }
                Source::Closure(_) => "found no tenant in this request".to_owned(),
            };
            return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
        }
        Ok(found)
    }
}

fn in_header<'a>(name: &HeaderName, headers: &'a HeaderMap) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let wrong = |what: &str| {
        let detail = format!("the header `{name}` {what}; expected one tenant");
        Problem::new(StatusCode::BAD_REQUEST, detail)
    };
    if values.next().is_some() {
        return Err(wrong("is there twice"));
    }
    let tenant = value
        .to_str()
        .map_err(|_not_visible| wrong("is no visible ASCII"))?;
    Ok(Some(tenant))
}

impl<S> Layer<S> for TenantLayer {
    type Service = TenantService<S>;

    fn layer(&self, inner: S) -> TenantService<S> {
        TenantService {
            inner,
            layer: self.clone(),
        }
    }
}

/// What a [`TenantLayer`] makes of a service.
#[derive(Clone, Debug)]
pub struct TenantService<S> {
    inner: S,
    layer: TenantLayer,
}

impl<S, B> Service<Request<B>> for TenantService<S>
where
    S: Service<Request<B>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that is ready is used; its clone may not be.
        let next = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, next);
        let layer = self.layer.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let found = layer.tenant_of(&parts);
            let request = Request::from_parts(parts, body);
            let tenant = match found {
                Ok(Some(tenant)) => tenant,
                Ok(None) => return inner.call(request).await,
                Err(problem) => return Ok(problem.into_response()),
            };
            let answer = call::tenant(tenant.clone(), async move { inner.call(request).await });
            let response = answer.await?;
            Ok(response.map(|body| Body::new(TenantBody { body, tenant })))
        })
    }
}

/// A body that is polled, and dropped, for a tenant: what streams it may call cached functions when
/// the handler has long returned.
struct TenantBody {
    body: Body,
    tenant: Arc<str>,
}

impl HttpBody for TenantBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let tenant = self.tenant.clone();
        let frame = std::future::poll_fn(|context| Pin::new(&mut self.body).poll_frame(context));
        pin!(call::tenant(tenant, frame)).poll(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for TenantBody {
    fn drop(&mut self) {
        let body = mem::take(&mut self.body);
        // A call that is dropped is dropped for its tenant.
        drop(call::tenant(self.tenant.clone(), async move { drop(body) }));
    }
}

impl fmt::Debug for TenantLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("TenantLayer");
        match &*self.source {
            Source::Header(name) => shown.field("header", name),
            Source::Closure(_) => shown.field("closure", &"…"),
        };
        shown.field("is_required", &self.is_required).finish()
    }
}
