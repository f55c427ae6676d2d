//! What is asked about the value: whether it is kept and for how long, and what it took.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Expr;

use super::Expansion;
use crate::check::{Lifetime, Rule};
use crate::signature::Ends;

impl Expansion<'_> {
    pub(super) fn keep(&self) -> TokenStream {
        let rule = self.rule(false);
        quote_spanned! {self.place=>
            __larder_turn.keep(__larder_shape, __larder_returned, #rule)
        }
    }

    /// The lifetime where it depends on the arguments, which the body may consume.
    pub(super) fn ttl(&self) -> Option<TokenStream> {
        match &self.checked.rule.ttl {
            Some(Lifetime::OfCall(ttl)) => Some(quote!(let __larder_ttl = #ttl;)),
            _ => None,
        }
    }

    /// What is asked about the value; a rule that outlives the caller has what it needs.
    pub(super) fn rule(&self, outlives: bool) -> TokenStream {
        let larder = &self.larder;
        let Rule {
            ttl,
            cache_if,
            unless,
        } = &self.checked.rule;
        let ttl = match ttl {
            Some(Lifetime::OfCall(written)) => {
                let place = Span::call_site().located_at(Ends::of(written).first);
                Some(quote_spanned!(place=> .ttl(__larder_ttl)))
            }
            Some(Lifetime::OfValue(closure)) => {
                let place = Span::call_site().located_at(Ends::of(&closure.body).first);
                Some(quote_spanned!(place=> .ttl_of(__larder_value, #closure)))
            }
            Some(Lifetime::Fixed(_)) | None => None,
        };
        let cache_if = cache_if
            .as_ref()
            .map(|condition| quote!(.cache_if(__larder_value, #condition)));
        let unless = unless
            .as_ref()
            .map(|condition| quote!(.unless(__larder_value, #condition)));
        if ttl.is_none() && cache_if.is_none() && unless.is_none() {
            return quote_spanned!(self.place=> #larder::always);
        }
        let keyword = outlives.then(|| quote!(move));
        quote!(#keyword |__larder_value| #larder::Rule::default() #cache_if #unless #ttl)
    }

    /// What an answer takes, for a hit and for a miss.
    pub(super) fn price(&self) -> Option<TokenStream> {
        let larder = &self.larder;
        let price = self.price_of_value()?;
        Some(quote_spanned! {self.place=>
            let __larder_price = #larder::priced(__larder_shape, #price);
        })
    }

    pub(super) fn price_of_value(&self) -> Option<TokenStream> {
        let Self {
            checked, larder, ..
        } = self;
        let said = |name, written: Option<&Expr>| {
            let written = written?;
            let body = match written {
                Expr::Closure(closure) => Ends::of(&closure.body).first,
                path => Ends::of(path).first,
            };
            let name = Ident::new(name, Span::call_site().located_at(body));
            let said = quote!(.#name(__larder_value, #written));
            let place = Span::call_site().located_at(Ends::of(written).first);
            Some((place, said))
        };
        let tokens = said("tokens", checked.price.tokens.as_ref());
        let cost = said("cost", checked.price.cost.as_ref());
        let (place, _) = tokens.as_ref().or(cost.as_ref())?;
        let said = [&tokens, &cost].into_iter().flatten().map(|(_, said)| said);
        Some(quote_spanned! {*place=>
            |__larder_value| #larder::Price::default() #(#said)*
        })
    }
}
