//! A function that returns a stream.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::visit_mut::VisitMut;
use syn::{Lifetime, ReturnType, Type};

use super::Expansion;
use super::future::may_return_early;
use super::site::duration;

impl Expansion<'_> {
    /// Nothing of the body runs before the stream is polled, and nothing of it where the chunks are
    /// there. It is a future, which has the copies of what the arguments borrow and lends them to the
    /// stream in it.
    pub(super) fn stream(&self, is_boxed: bool) -> TokenStream {
        let larder = &self.larder;
        let before = self.site_and_shape();
        let arguments = self.write_arguments();
        let tagged = self.tagged();
        let ttl = self.ttl();
        let rule = self.rule(true);
        let (copies, lent) = self.copies();
        let mut body = self.braced(self.function.body.clone()).to_token_stream();
        let ty = match &self.function.signature.output {
            ReturnType::Type(_, ty) if is_boxed => Some(nearest(ty)),
            _ => None,
        };
        if may_return_early(body.clone()) {
            let output = ty.as_ref().map(|ty| quote!(-> #ty));
            body = quote!((move || #output #body)());
        }
        let ty = ty.map(|ty| quote!(: #ty));
        let paced = self.checked.pace.map(|pause| {
            let pause = duration(pause);
            quote_spanned!(self.place=> .paced(#pause))
        });
        let weight = self.checked.weight.as_ref();
        let weighed = weight.map(|weight| quote!(.weighed(#weight)));
        let price = self.price_of_value();
        let priced = price.map(|price| quote_spanned!(self.place=> .priced(#price)));
        let stream = quote_spanned! {self.place=>
            #larder::memoized(
                __larder_call,
                __larder_shape,
                move |__larder_sink| async move {
                    #lent
                    let __larder_stream #ty = #body;
                    __larder_sink.feed(__larder_stream).await
                },
                #rule,
            ) #paced #weighed #priced
        };
        let stream = if is_boxed {
            quote_spanned!(self.place=> ::std::boxed::Box::pin(#stream))
        } else {
            stream
        };
        quote_spanned! {self.place=>
            #before
            let __larder_call = #larder::call(__larder_site, __larder_shape, #arguments) #tagged;
            #ttl
            #copies
            #stream
        }
    }
}

/// The type with lifetimes that the compiler finds: what a body borrows are its own copies.
fn nearest(ty: &Type) -> Type {
    struct Nearest;

    impl VisitMut for Nearest {
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            if lifetime.ident != "static" {
                *lifetime = Lifetime::new("'_", lifetime.span());
            }
        }
    }

    let mut ty = ty.clone();
    Nearest.visit_type_mut(&mut ty);
    ty
}
