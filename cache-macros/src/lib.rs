//! The attribute `#[cached]`.
//!
//! This crate turns an attribute and a signature into tokens; what they do at run time is in
//! `cache-runtime`. Use it through the crate `larder`. One file a stage:
//!
//! - `attribute`: what was written between the parentheses; `vocabulary`: the names of the options
//! - `signature`: what the function looks like
//! - `check`: what may not be; every message that a user can get is in one of these three
//! - `expand`: the checked model to tokens; `krate`: where those find `larder`
//!
//! The reference of every option is `cached.md`.

mod attribute;
mod check;
mod expand;
mod krate;
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
