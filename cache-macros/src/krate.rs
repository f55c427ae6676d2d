//! Where the user's crate has `larder`.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::Path;

/// The path of what expansions name: in the crate that `crate = …` says, else in the dependency
/// `larder` of the user's manifest, whatever that calls it.
///
/// The tokens stand at `place`.
pub(crate) fn expansion(written: Option<&Path>, place: Span) -> TokenStream {
    if let Some(path) = written {
        return quote_spanned!(place=> #path::__expansion);
    }
    let name = match crate_name("larder") {
        Ok(FoundCrate::Name(name)) => name,
        // The tests and examples of this very package, and manifests that cannot be read.
        Ok(FoundCrate::Itself) | Err(_) => "larder".to_owned(),
    };
    let name = Ident::new(&name, place);
    quote_spanned!(place=> ::#name::__expansion)
}
