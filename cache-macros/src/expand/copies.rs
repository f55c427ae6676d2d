//! What a body has that may outlive its caller.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote_spanned};

use super::Expansion;
use super::key::allow_underscore;
use crate::krate;
use crate::signature::{Argument, Borrowed, Ends};

impl Expansion<'_> {
    /// For a body that may outlive its caller: copies of what the arguments borrow, and what borrows
    /// from those in the body, by the names of the arguments.
    pub(super) fn copies(&self) -> (TokenStream, TokenStream) {
        let (mut copies, mut lent) = (TokenStream::new(), TokenStream::new());
        if !self.checked.staleness.outlives {
            return (copies, lent);
        }
        for (number, argument) in self.function.arguments.iter().enumerate() {
            let Argument::Borrowed(borrowed) = argument else {
                continue;
            };
            let Borrowed {
                name,
                mutability,
                ty,
                is_optional,
                conditions,
            } = &**borrowed;
            let copy = format_ident!("__larder_copy_{number}");
            let place = Span::call_site().located_at(Ends::of(ty).first);
            let larder = krate::expansion(self.checked.larder.as_ref(), place);
            let allow = allow_underscore(name);
            if *is_optional {
                copies.extend(quote_spanned! {place=>
                    #(#conditions)* #allow
                    let #copy = ::core::option::Option::map(#name, #larder::copy_of);
                });
                lent.extend(quote_spanned! {place=>
                    #(#conditions)*
                    let #mutability #name: ::core::option::Option<&#ty> = ::core::option::Option::map(
                        ::core::option::Option::as_ref(&#copy),
                        ::core::borrow::Borrow::borrow,
                    );
                });
            } else {
                copies.extend(quote_spanned! {place=>
                    #(#conditions)* #allow
                    let #copy = #larder::copy_of(#name);
                });
                lent.extend(quote_spanned! {place=>
                    #(#conditions)*
                    let #mutability #name: &#ty = ::core::borrow::Borrow::borrow(&#copy);
                });
            }
        }
        (copies, lent)
    }
}
