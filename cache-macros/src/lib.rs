//! The attribute `#[cached]`.
//!
//! This crate turns an attribute and a signature into tokens; what they do at run time is in
//! `cache-runtime`. Use it through the crate `larder`. One room a stage:
//!
//! - `attribute`: what was written between the parentheses; `vocabulary`: the names of the options
//! - `signature`: what the function looks like
//! - `check`: what may not be; every message that a user can get is in one of these three
//! - `expand`: the checked model to tokens; `krate`: where those find `larder`
//!
//! Beside it, `options`: `#[derive(Options)]`.
//!
//! The reference of every option is `cached.md`.

mod attribute;
mod check;
mod expand;
mod krate;
mod options;
mod signature;
#[cfg(test)]
mod tests;
mod vocabulary;

use proc_macro::TokenStream;
use quote::quote;

#[doc = include_str!("cached.md")]
#[proc_macro_attribute]
pub fn cached(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expanded(arguments.into(), &item.into()).into()
}

/// Writes the trait `larder::Options`: what of a struct is in the key of a call that has it among its
/// arguments. Every field, but for those that are marked as changing no answer; the trait has the rules.
///
/// ```
/// use larder::cached;
///
/// #[derive(Clone, serde::Serialize, larder::Options)]
/// struct Request {
///     model: String,
///     temperature: f32,
///     #[serde(skip_serializing_if = "Option::is_none")]
///     #[options(count)]
///     seed: Option<u64>,
///     #[options(skip)]
///     trace_id: String,
/// }
///
/// #[cached(kind = "ai", op = "complete", options = request)]
/// async fn complete(text: &str, request: &Request) -> Result<String, std::io::Error> {
///     // … asks a language model …
///     Ok(format!("{} says: {text}", request.model))
/// }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let request = |trace_id: &str| Request {
///     model: "small".to_owned(),
///     temperature: 0.0,
///     seed: None,
///     trace_id: trace_id.to_owned(),
/// };
/// complete("hello", &request("1")).await?;
/// let again = larder::call::outcome(complete("hello", &request("2"))).await;
/// assert_eq!(again.origin, larder::call::Origin::Memory);
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[proc_macro_derive(Options, attributes(options))]
pub fn derive_options(item: TokenStream) -> TokenStream {
    options::derive(item.into()).into()
}

fn expanded(
    arguments: proc_macro2::TokenStream,
    item: &proc_macro2::TokenStream,
) -> proc_macro2::TokenStream {
    cached_function(arguments, item).unwrap_or_else(|error| {
        let error = error.into_compile_error();
        if check::is_closure(item.clone()) {
            return error;
        }
        // The function stays, so that the mistake shows once and not at every call too.
        quote!(#error #item)
    })
}

fn cached_function(
    arguments: proc_macro2::TokenStream,
    item: &proc_macro2::TokenStream,
) -> syn::Result<proc_macro2::TokenStream> {
    let function = signature::parse(item.clone())
        .map_err(|error| check::no_function(item.clone()).unwrap_or(error))?;
    let options = attribute::Options::parse(arguments);
    let checked = check::check(options, &function)?;
    Ok(expand::expand(&checked, &function))
}
