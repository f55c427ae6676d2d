//! `POST /cache/invalidate`: what operators have forgotten.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use cache_runtime::{Cache, Reach, call};
use serde::{Deserialize, Serialize};

use crate::problem::Problem;

const TARGETS: &str =
    "expected exactly one of `operation`, `tag`, `tenant`, `pattern` and `\"all\": true`";

/// The body of a request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    kind: String,
    operation: Option<String>,
    tag: Option<String>,
    tenant: Option<String>,
    pattern: Option<String>,
    #[serde(default)]
    all: bool,
    #[serde(default)]
    expire: bool,
}

/// What is to be forgotten.
enum Target {
    Operation(String),
    Tag(String),
    Tenant(String),
    Pattern(String),
    All,
}

/// The body of an answer.
#[derive(Serialize)]
struct Done {
    kind: String,
    /// How far it has come: `everywhere`, or `queued` until the store is back.
    #[serde(skip_serializing_if = "Option::is_none")]
    reach: Option<&'static str>,
    /// How many keys were removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<u64>,
}

pub(crate) async fn invalidate(
    wish: Result<Json<Wish>, JsonRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Json(wish) =
        wish.map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))?;
    let kind = wish.kind.clone();
    let verb = if wish.expire {
        Verb::Expire
    } else {
        Verb::Remove
    };
    let (target, tenant) = wish.target()?;
    let Some(cache) = cache_runtime::cache(&kind) else {
        let registered = match cache_runtime::kinds().as_slice() {
            [] => "nothing is registered".to_owned(),
            kinds => format!("registered are `{}`", kinds.join("`, `")),
        };
        let detail = format!("nobody registered the kind `{kind}`; {registered}");
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    };
    let invalidated = target.invalidate(&cache, verb);
    let invalidated = match tenant {
        Some(tenant) => call::tenant(tenant, invalidated).await,
        None => invalidated.await,
    };
    let (reach, removed) = match invalidated {
        Invalidated::Reached(Reach::Everywhere) => (Some("everywhere"), None),
        Invalidated::Reached(Reach::Queued) => (Some("queued"), None),
        Invalidated::Counted(count) => (None, Some(count)),
    };
    let done = Done {
        kind,
        reach,
        removed,
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(done)))
}

impl Wish {
    /// What is to be forgotten, and of which tenant, where it is not the tenant itself.
    fn target(self) -> Result<(Target, Option<String>), Problem> {
        let named = [&self.operation, &self.tag, &self.pattern, &self.tenant];
        // Nobody means everything by an empty name, which is what a script sends whose variable is
        // not set.
        if named.into_iter().flatten().any(String::is_empty) {
            return Err(unclear("found an empty name"));
        }
        match (
            self.operation,
            self.tag,
            self.pattern,
            self.tenant,
            self.all,
        ) {
            (Some(operation), None, None, None, false) => Ok((Target::Operation(operation), None)),
            (None, Some(tag), None, tenant, false) => Ok((Target::Tag(tag), tenant)),
            (None, None, Some(pattern), tenant, false) => Ok((Target::Pattern(pattern), tenant)),
            (None, None, None, Some(tenant), false) => Ok((Target::Tenant(tenant), None)),
            (None, None, None, None, true) => Ok((Target::All, None)),
            (None, None, None, None, false) => Err(unclear("found nothing to invalidate")),
            _ => Err(unclear("found several things to invalidate")),
        }
    }
}

fn unclear(found: &str) -> Problem {
    let detail = format!("{found}; {TARGETS}, and `tenant` beside `tag` or `pattern` at most");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
}

enum Verb {
    Remove,
    Expire,
}

enum Invalidated {
    Reached(Reach),
    Counted(u64),
}

impl Target {
    async fn invalidate(self, cache: &Cache, verb: Verb) -> Invalidated {
        let reach = match (self, verb) {
            (Self::Operation(name), Verb::Remove) => cache.remove_operation(&name).await,
            (Self::Operation(name), Verb::Expire) => cache.expire_operation(&name).await,
            (Self::Tag(tag), Verb::Remove) => cache.remove_tag(&tag).await,
            (Self::Tag(tag), Verb::Expire) => cache.expire_tag(&tag).await,
            (Self::Tenant(tenant), Verb::Remove) => cache.remove_tenant(&tenant).await,
            (Self::Tenant(tenant), Verb::Expire) => cache.expire_tenant(&tenant).await,
            (Self::All, Verb::Remove) => cache.clear().await,
            (Self::All, Verb::Expire) => cache.expire_all().await,
            // The application's own keys are not served past their lifetime: to expire them is to
            // remove them.
            (Self::Pattern(pattern), _) => {
                return Invalidated::Counted(cache.remove_matching(&pattern).await);
            }
        };
        Invalidated::Reached(reach)
    }
}
