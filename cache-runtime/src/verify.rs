//! Whether the annotated functions of the program fit the kinds that are registered.

use std::collections::BTreeSet;

use crate::call::{self, CallSite};
use crate::config::did_you_mean;
use crate::error::CacheError;
use crate::registry;

/// Every annotated function of the program, by kind, operation and place. Those of libraries that
/// are linked in are among them, and so are those that nobody calls.
///
/// ```
/// # use cache_runtime as larder;
/// for site in larder::sites() {
///     println!("{}:{} {} {}", site.file(), site.line(), site.kind(), site.operation());
/// }
/// ```
pub fn sites() -> impl Iterator<Item = &'static CallSite> {
    call::sites()
}

/// Checks all annotated functions against the registered kinds, before the first of them is
/// called.
///
/// What it finds does not keep a function from working: one whose kind nobody registered runs
/// without a cache, and of several that claim one operation each keeps to itself.
/// [`init`](crate::init) logs the same as warnings.
///
/// # Errors
/// [`CacheError::Configuration`] with every problem, and where it is in the source.
///
/// ```
/// # use cache_runtime as larder;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// larder::init().await?;
/// larder::verify()?;
/// # Ok::<(), larder::CacheError>(())
/// # }).unwrap();
/// ```
pub fn verify() -> Result<(), CacheError> {
    let problems = problems();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(CacheError::Configuration {
            problems,
            warnings: Vec::new(),
        })
    }
}

/// A sentence for each.
pub(crate) fn problems() -> Vec<String> {
    let kinds = registry::known_kinds();
    let registered = match kinds.as_slice() {
        [] => "nothing is registered".to_owned(),
        kinds => format!("registered are {}", list(kinds)),
    };
    let mut problems: Vec<String> = sites()
        .filter(|site| kinds.iter().all(|kind| kind != site.kind()))
        .map(|site| {
            let kind = site.kind();
            let meant = did_you_mean(kind, kinds.iter().map(String::as_str));
            format!(
                "nobody registered the kind `{kind}` of {}; {registered}{meant}",
                place(site)
            )
        })
        .collect();
    problems.extend(kinds.iter().flat_map(|kind| misspelled_operations(kind)));
    problems.extend(call::unclear_claims().map(|sites| {
        let claims: Vec<String> = sites
            .iter()
            .map(|site| {
                let parameters = match site.parameters().as_slice() {
                    [] => "no parameters".to_owned(),
                    parameters => format!("parameters {}", list(parameters)),
                };
                format!("{}, {parameters}", place(site))
            })
            .collect();
        format!(
            "several functions claim the operation `{}` of the kind `{}`: {}; give each an `op` of \
             its own, or write `shared` on all of them if they are one operation",
            sites[0].operation(),
            sites[0].kind(),
            claims.join(" and ")
        )
    }));
    problems
}

/// Operations that an operator has given a lifetime, and that are none, but look like one.
fn misspelled_operations(kind: &str) -> Vec<String> {
    let Some(cache) = registry::cache(kind) else {
        return Vec::new();
    };
    let known = sites().filter(|site| site.kind() == kind);
    let known: BTreeSet<String> = known.map(CallSite::operation).collect();
    let said = cache.kind().lifetimes.operator.keys();
    let mut unknown: Vec<&String> = said.filter(|it| !known.contains(*it)).collect();
    unknown.sort_unstable();
    let near = unknown.into_iter().filter_map(|operation| {
        let meant = did_you_mean(operation, known.iter().map(String::as_str));
        (!meant.is_empty()).then(|| {
            format!(
                "operation_ttls of the kind `{kind}` have the operation `{operation}`, which no \
                 function is{meant}"
            )
        })
    });
    near.collect()
}

fn place(site: &CallSite) -> String {
    format!("`{}` ({}:{})", site.function(), site.file(), site.line())
}

/// `` `a`, `b` ``
fn list(names: &[impl AsRef<str>]) -> String {
    let names: Vec<_> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    names.join(", ")
}
