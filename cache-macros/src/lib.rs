//! The attribute `#[cached]`.
//!
//! This crate turns an attribute and a signature into tokens; what they do at run time is in
//! `cache-runtime`. Use it through the crate `larder`. One file a stage:
//!
//! - `attribute`: what was written between the parentheses
//! - `signature`: what the function looks like
//! - `check`: what may not be; every message that a user can get is in one of these three
//! - `expand`: the checked model to tokens

mod attribute;
mod check;
mod expand;
mod krate;
mod signature;
mod vocabulary;

use proc_macro::TokenStream;
use quote::quote;

/// Keeps the answers of an async function.
///
/// The first call with some arguments runs the body and keeps what it returned; the next ones get
/// a clone of it, from memory or from Redis, until its lifetime is over. Of calls that come at the
/// same time, one runs the body and the others wait for it. Which cache is used is decided while
/// the program runs, by `kind`. No trouble with the cache ever reaches the caller: where there is
/// no answer to be had, the body runs.
///
/// ```
/// use larder::cached;
///
/// #[cached(kind = "web", op = "user.name", ttl = "15m", skip(db))]
/// async fn name(db: &Database, id: u64) -> Result<String, NotFound> {
///     db.name_of(id).await
/// }
/// # #[derive(Debug, Clone)] struct NotFound;
/// # struct Database;
/// # impl Database {
/// #     async fn name_of(&self, id: u64) -> Result<String, NotFound> { Ok(format!("user {id}")) }
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert_eq!(name(&Database, 7).await?, "user 7");
/// # Ok::<(), NotFound>(())
/// # }).unwrap();
/// ```
///
/// # Options
///
/// | option | meaning | without it |
/// |---|---|---|
/// | `kind = "ai"` | the kind of cache, as the application registered it | `"web"` |
/// | `op = "summarize"` | the operation: lifetimes and statistics are kept for each | module path and name of the function |
/// | `ttl = "2h"` | how long an answer is kept, 1 s to 1 year; what the operator configured for the operation comes before it | what the preset or the factory says, else the kind's default |
/// | `skip(db, self)` | parameters that do not change the answer and are not in the key | all are in the key |
/// | `key = (user.id, page)` | an expression over the parameters that is the key, in place of all of them | all parameters that are not skipped |
/// | `key = "user:{id}"` | the same as a template; what stands in the braces is encoded, not pasted | |
/// | `key = ()` | all calls get one answer, whatever their arguments are | |
/// | `text = article` | the parameter that is the text of the operation: readable in the store's key while it is short, hashed when it is long | the one called `text`; for kind `"ai"` else the only text (`&str`, `String`, `Arc<str>` and the like) that is not called `question` |
/// | `version = 2` | a number or a text that is a part of the key: raise it when the type or the meaning of an answer changes, and old answers are not found again | none |
/// | `shared` | the function is one operation with others, on purpose: see below | each function is an operation of its own |
///
/// # What is kept
///
/// | the function returns | kept | runs again |
/// |---|---|---|
/// | `Result<T, E>` | the `T` of `Ok` | after `Err` |
/// | `Option<T>` | the `T` of `Some` | after `None` |
/// | `Result<Option<T>, E>` | the `T` of `Ok(Some(_))` | after `Err` and `Ok(None)` |
/// | any other `T` | the value | |
///
/// The type decides, not its name: aliases of `Result` and `Option` are seen through. `T` needs
/// `Clone`, `Send`, `Sync`, `serde::Serialize` and `serde::Deserialize`, and may borrow nothing;
/// `E` needs nothing. An `Arc<T>` may stand in the place of the `T`: a hit clones the `Arc`, the
/// store has the `T`, which needs no `Clone`, and serde's feature `rc` is not needed. What is read
/// from a store is served only if serde shows it as what was written, whatever the order of the
/// elements in its lists and maps; else the body runs again. A field that serde skips is not kept
/// there either. Parameters in the key need `serde::Serialize`. What a type hides from serde
/// is not in the key: name it with `key = …`.
///
/// # Keys
///
/// A key is made of the kind, the operation, the version, the names and values of the parameters,
/// and the generic arguments of the function and of the `impl` around it. The order of the
/// parameters does not count, nor does the name of the one that is the text. In the kind `"ai"` a
/// parameter called `question` has a digest of its own in the store's key, and is never readable
/// there. A `self` has to be decided on: `skip(self)`, or `key = …`.
///
/// Two functions never share an answer, not even with one `op`, unless every function of the
/// program with that kind and operation says `shared`. Then those whose versions and parameters
/// have the same names share their answers, in memory and in the store, as long as they keep values
/// of the same type. Generic functions, those in a generic `impl` and methods of traits keep to
/// themselves all the same. `larder::verify` reports operations that several functions claim without it.
///
/// ```
/// use larder::cached;
///
/// #[cached(op = "square", shared)]
/// async fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// #[cached(op = "square", shared)]
/// async fn checked_square(n: u64) -> Option<u64> {
///     n.checked_mul(n)
/// }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert_eq!(square(7).await, 49);
/// let again = larder::call::outcome(checked_square(7)).await;
/// assert_eq!((again.value, again.origin), (Some(49), larder::call::Origin::Memory));
/// # });
/// ```
///
/// Values are told apart as far as their `Serialize` tells them apart. A `HashMap` anywhere, and a
/// `HashSet` that is a parameter of its own or behind a reference, is the same argument in whatever
/// order it is. A `HashSet` inside of another type is a list to serde: equal ones may be different
/// keys, which costs an answer and gives no wrong one. Blanks and capitals count: `"Ada"`, `"ada"`
/// and `"Ada "` are three arguments. An argument of more than 128 levels has no key, and the call
/// is not cached.
///
/// Another process knows a generic argument by the name of its type only. Calls with closures as
/// generic arguments therefore stay in memory. Two types of one name and path (in two blocks of one
/// function, or in two versions of one crate) are told apart in memory but not in a store: where
/// that can happen, name them in the key.
///
/// `skip(self)` means that all instances share their answers: what belongs to one of them, such as
/// a tenant, has to be in the key:
///
/// ```
/// use larder::cached;
///
/// struct Shop {
///     tenant: u32,
/// }
///
/// impl Shop {
///     #[cached(op = "shop.price", key = (self.tenant, article))]
///     async fn price(&self, article: u64) -> u64 {
///         u64::from(self.tenant) * 1000 + article
///     }
/// }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert_eq!(Shop { tenant: 1 }.price(7).await, 1007);
/// assert_eq!(Shop { tenant: 2 }.price(7).await, 2007);
/// # });
/// ```
///
/// # Where it does not work yet
///
/// The dependency has to be called `larder`: an expansion names it by `::larder`.
///
/// # Panics
///
/// A panic of the body is the caller's, as without the attribute; nothing is kept, and a call that
/// waits runs the body itself.
///
/// # Cancellation
///
/// Dropping the call drops the body where it is. A call that waits for it takes over.
///
/// A call that was polled, is not polled any more and is not dropped either (one that lost a
/// `select!` by reference, say) holds up the calls that wait for it. Drop what you do not poll.
#[proc_macro_attribute]
pub fn cached(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    cached_function(arguments.into(), item.clone())
        .unwrap_or_else(|error| {
            let error = error.into_compile_error();
            if check::is_closure(item.clone()) {
                return error;
            }
            // The function stays, so that the mistake shows once and not at every call too.
            quote!(#error #item)
        })
        .into()
}

fn cached_function(
    arguments: proc_macro2::TokenStream,
    item: proc_macro2::TokenStream,
) -> syn::Result<proc_macro2::TokenStream> {
    let function = signature::parse(item.clone())
        .map_err(|error| check::no_function(item).unwrap_or(error))?;
    let options = attribute::Options::parse(arguments);
    let checked = check::check(options, &function)?;
    Ok(expand::expand(&checked, &function))
}
