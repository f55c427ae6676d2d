//! Larder in applications with axum. As a user of `larder` has it: `larder::axum`, with the feature
//! `axum`.
//!
//! - [`Routes`]: a router for operators, to be mounted by the application: health, status, metrics,
//!   invalidation; [`Guard`]: who may use it
//! - [`KindCache`]: an extractor for the cache behind a kind
//! - [`TenantLayer`]: every request belongs to a tenant
//! - [`Problem`]: an error as handlers return it
//!
//! Annotated functions need none of this: a handler calls them as any other function.
//!
//! ```
//! # mod larder { pub use cache_runtime::*; pub use cache_web as axum; }
//! use axum::{Router, routing::get};
//! use larder::axum::{Guard, KindCache, Routes, Web};
//!
//! async fn entries(cache: KindCache<Web>) -> String {
//!     format!("{} entries in memory", cache.size())
//! }
//!
//! # fn example(token: String) -> Result<Router, larder::CacheError> {
//! let operators = Routes::new().guard(Guard::bearer(token)?).into_router();
//! let application: Router = Router::new()
//!     .route("/entries", get(entries))
//!     .nest("/internal", operators);
//! # Ok(application)
//! # }
//! ```
//!
//! What an application does when it starts and stops:
//!
//! ```no_run
//! # mod larder { pub use cache_runtime::*; }
//! # async fn serve() {}
//! # async fn example() -> Result<(), larder::CacheError> {
//! larder::init().await?;
//! larder::verify()?; // annotated functions whose kind nobody registered
//! serve().await; // with axum's `with_graceful_shutdown`
//! larder::close().await; // what is queued for the store is written
//! # Ok(())
//! # }
//! ```

mod figures;
mod guard;
mod health;
mod invalidate;
mod invalidations;
mod kind_cache;
mod metrics;
mod problem;
mod routes;
mod status;
mod tenant;

pub use guard::Guard;
pub use kind_cache::{Ai, KindCache, KindName, Web};
pub use problem::Problem;
pub use routes::Routes;
pub use tenant::{TenantLayer, TenantService};
