//! The shape of the result, from its type and from what the options ask of it.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};

use super::Expansion;
use crate::signature::Form;

impl Expansion<'_> {
    /// The shape, and the traits by whose methods it is found.
    pub(super) fn shape(&self) -> (Option<TokenStream>, TokenStream) {
        let larder = &self.larder;
        let (traits, shape) = if matches!(self.function.form, Form::Stream { .. }) {
            self.shape_of_stream()
        } else if self.checked.is_plain {
            (None, self.shape_of_whole())
        } else {
            self.shape_of_part()
        };
        let shape = self.shaped(quote_spanned!(self.place=> #larder::checked(#shape)));
        (traits, shape)
    }

    fn shape_of_stream(&self) -> (Option<TokenStream>, TokenStream) {
        let Self {
            returns, larder, ..
        } = self;
        let probe = if self.checked.is_local {
            quote_spanned!(self.place=> LocalStreamProbe)
        } else {
            quote_spanned!(self.place=> StreamProbe)
        };
        let traits = quote_spanned!(self.place=> use #larder::StreamProbed as _;);
        let shape = quote_spanned! {self.place=>
            #larder::streamed((&&&&#larder::#probe::<#returns>::new()).__larder_shape())
        };
        (Some(traits), shape)
    }

    fn shape_of_whole(&self) -> TokenStream {
        let Self {
            returns, larder, ..
        } = self;
        if self.checked.is_local {
            quote_spanned!(self.place=> #larder::local_plain::<#returns>())
        } else {
            quote_spanned!(self.place=> #larder::plain::<#returns>())
        }
    }

    fn shape_of_part(&self) -> (Option<TokenStream>, TokenStream) {
        let Self {
            returns, larder, ..
        } = self;
        let probe = if self.checked.is_local {
            quote_spanned!(self.place=> LocalProbe)
        } else {
            quote_spanned!(self.place=> Probe)
        };
        // The first levels are for errors that are `Clone` and live as long as they want, and method
        // resolution sees no lifetimes.
        let levels = if self.function.may_borrow(returns) {
            quote!(&&&&)
        } else {
            quote!(&&&&&&&&)
        };
        let traits = quote_spanned!(self.place=> use #larder::{Probed as _, Wariness as _};);
        let shape = quote_spanned! {self.place=>
            (&&(#levels #larder::#probe::<#returns>::new()).__larder_shape()).__larder_wary()
        };
        (Some(traits), shape)
    }

    /// The shape with what the options ask of it.
    pub(super) fn shaped(&self, mut shape: TokenStream) -> TokenStream {
        let larder = &self.larder;
        let staleness = &self.checked.staleness;
        if staleness.shares_errors {
            shape = quote_spanned!(self.place=> #larder::sharing(#shape));
        }
        let survives = staleness.if_error.is_some() && staleness.soft.is_none();
        for (asks, what) in [
            (survives, "surviving"),
            (staleness.hard.is_some(), "limited"),
            (staleness.err_ttl.is_some(), "keeping_errors"),
            (staleness.none_ttl.is_some(), "keeping_none"),
        ] {
            if asks {
                let what = Ident::new(what, self.place);
                shape = quote_spanned!(self.place=> #larder::#what(#shape));
            }
        }
        shape
    }
}
