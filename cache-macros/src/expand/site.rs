//! What stands in the static description of a function.

use std::time::Duration;

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt, quote};
use syn::ext::IdentExt;

use super::Expansion;
use crate::attribute::SingleFlight;
use crate::check::{Key, KeyParameter, Lifetime, Role};
use crate::signature::Form;

impl Expansion<'_> {
    pub(super) fn site(&self) -> TokenStream {
        let Self {
            checked, larder, ..
        } = self;
        let name = self.function.signature.ident.unraw().to_string();
        let mut described = TokenStream::new();
        let kind = &checked.kind;
        described.extend(quote!(.kind(#kind)));
        described.extend(checked.op.as_ref().map(|op| quote!(.op(#op))));
        let version = checked.version.as_ref();
        described.extend(version.map(|version| quote!(.version(#version))));
        if let Some(Lifetime::Fixed(ttl)) = checked.rule.ttl {
            let ttl = duration(ttl);
            described.extend(quote!(.ttl(#ttl)));
        }
        described.extend(self.described_staleness());
        let mut others = TokenStream::new();
        match &checked.key {
            Key::Parameters(parameters) => {
                for KeyParameter {
                    name,
                    role,
                    conditions,
                    ..
                } in parameters
                {
                    let name = name.unraw().to_string();
                    match role {
                        Role::Other => others.extend(quote!(#(#conditions)* #name,)),
                        Role::Text => {
                            let normalization = self.normalization();
                            let normalize = normalization.map(|it| quote!(.normalize(#it)));
                            described.extend(quote!(.text(#name) #normalize));
                        }
                        Role::Question => described.extend(quote!(.question(#name))),
                    }
                }
            }
            Key::Expression(key) => others.append_all([spelled(key.to_token_stream())]),
            Key::Template(template, _) => others.append_all([template]),
        }
        described.extend((!others.is_empty()).then(|| quote!(.others(&[#others]))));
        described.extend(checked.shared.then(|| quote!(.shared())));
        described.extend(checked.is_local.then(|| quote!(.local())));
        let is_sync = matches!(self.function.form, Form::Sync);
        described.extend(is_sync.then(|| quote!(.synchronous())));
        quote!(#larder::site!(#name #described))
    }

    fn described_staleness(&self) -> TokenStream {
        let staleness = &self.checked.staleness;
        let mut described = TokenStream::new();
        for (timed, name) in [
            (&staleness.none_ttl, "none_ttl"),
            (&staleness.err_ttl, "err_ttl"),
            (&staleness.while_revalidate, "stale_while_revalidate"),
            (&staleness.if_error, "stale_if_error"),
            (&staleness.soft, "soft"),
            (&staleness.hard, "hard"),
        ] {
            if let Some(time) = timed {
                let name = Ident::new(name, Span::call_site());
                let duration = duration(*time);
                described.extend(quote!(.#name(#duration)));
            }
        }
        if let Some(part) = &staleness.refresh_ahead {
            described.extend(quote!(.refresh_ahead(#part)));
        }
        if let Some(part) = &staleness.shadow {
            described.extend(quote!(.shadow(#part)));
        }
        described.extend(staleness.is_detached.then(|| quote!(.detached())));
        described.extend(staleness.single_flight.map(|it| match it {
            SingleFlight::Cluster => quote!(.across_processes()),
            SingleFlight::Off => quote!(.alone()),
        }));
        described
    }
}

pub(super) fn duration(duration: Duration) -> TokenStream {
    let seconds = duration.as_secs();
    let nanos = duration.subsec_nanos();
    quote!(::core::time::Duration::new(#seconds, #nanos))
}

/// The tokens with a space between each two, whatever compiler prints them: this is a part of keys.
fn spelled(tokens: TokenStream) -> String {
    let spelled: Vec<String> = tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                format!("{open}{}{close}", spelled(group.stream()))
            }
            token => token.to_string(),
        })
        .collect();
    spelled.join(" ")
}
