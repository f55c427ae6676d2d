//! From the arguments to the key.

use proc_macro2::{Delimiter, Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Expr;

use super::{Expansion, group};
use crate::attribute::Normalize;
use crate::check::{Key, KeyParameter, Role, TemplatePart};
use crate::signature::Ends;

impl Expansion<'_> {
    /// A closure that feeds the key writer.
    pub(super) fn write_arguments(&self) -> TokenStream {
        let arguments: TokenStream = match &self.checked.key {
            Key::Parameters(parameters) => parameters
                .iter()
                .map(|parameter| self.write_parameter(parameter))
                .collect(),
            Key::Expression(key) => write_expression(key),
            Key::Template(_, parts) => parts
                .iter()
                .map(|part| match part {
                    TemplatePart::Text(text) => quote!(__larder_key.arg(#text);),
                    TemplatePart::Hole(hole) => write_expression(hole),
                })
                .collect(),
        };
        quote_spanned!(self.place=> |__larder_key| { #arguments })
    }

    fn write_parameter(&self, parameter: &KeyParameter) -> TokenStream {
        let KeyParameter {
            name, conditions, ..
        } = parameter;
        let allow = allow_underscore(name);
        let write = match (parameter.role, self.normalization()) {
            (Role::Text, None) => return quote!(#allow __larder_key.text(&#name);),
            (Role::Text, Some(how)) => {
                return quote!(#allow __larder_key.text(&#how.normalized(&#name)););
            }
            (Role::Question, _) => quote!(question),
            (Role::Other, _) if parameter.is_options => quote!(options),
            (Role::Other, _) => quote!(arg),
        };
        // The argument spans its type, where an error about what it lacks belongs.
        let Ends { first, last } = parameter.ty;
        let mut argument: Ident = name.clone();
        argument.set_span(last.resolved_at(name.span()));
        let argument = quote_spanned!(first=> &#argument);
        quote!(#(#conditions)* #allow __larder_key.#write(#argument);)
    }

    pub(super) fn normalization(&self) -> Option<TokenStream> {
        let larder = &self.larder;
        let name = match self.checked.normalize? {
            Normalize::Trim => quote!(Trim),
            Normalize::Unicode => quote!(Unicode),
        };
        Some(quote!(#larder::TextNormalization::#name))
    }
}

/// The name has to be the user's, so a lint on the user's names would take this for their use of it.
pub(super) fn allow_underscore(name: &Ident) -> Option<TokenStream> {
    let has_underscore = name.to_string().starts_with('_');
    has_underscore.then(|| quote!(#[allow(clippy::used_underscore_binding)]))
}

/// The elements of a tuple one by one, each by reference: a key must not move what it names.
fn write_expression(key: &Expr) -> TokenStream {
    match key {
        Expr::Tuple(tuple) if tuple.attrs.is_empty() => {
            tuple.elems.iter().map(write_expression).collect()
        }
        Expr::Paren(inner) if inner.attrs.is_empty() => write_expression(&inner.expr),
        key => {
            let Ends { first, last } = Ends::of(key);
            let key = group(Delimiter::Parenthesis, key.to_token_stream(), last);
            let argument = quote_spanned!(first=> &#key);
            quote!(__larder_key.arg(#argument);)
        }
    }
}
