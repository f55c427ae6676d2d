//! Options that list something in parentheses.

use proc_macro2::TokenTree;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, LitStr, Token, parenthesized};

use super::Options;
use super::value::{ends, one_name, text_after};

impl Options {
    /// `timeout(soft = "200ms", hard = "5s")`.
    pub(super) fn parse_timeout(
        &mut self,
        input: ParseStream<'_>,
        option: &Ident,
    ) -> syn::Result<()> {
        let example = "`timeout(soft = \"200ms\", hard = \"5s\")`";
        let mistake = |place| {
            Error::new(
                place,
                format!("`timeout` takes one or two durations in parentheses: {example}"),
            )
        };
        if !input.peek(syn::token::Paren) {
            return Err(mistake(option.span()));
        }
        let listed;
        parenthesized!(listed in input);
        if listed.is_empty() {
            return Err(mistake(option.span()));
        }
        while !listed.is_empty() {
            let place = listed.span();
            let which = listed.call(Ident::parse_any).map_err(|_| mistake(place));
            let taken = which.and_then(|which| {
                let slot = match which.to_string().as_str() {
                    "soft" => &mut self.soft,
                    "hard" => &mut self.hard,
                    _ => return Err(mistake(which.span())),
                };
                let text = text_after(&listed, &which, example)?;
                if !ends(&listed) {
                    return Err(mistake(listed.span()));
                }
                if slot.replace((which.span(), text)).is_some() {
                    return Err(Error::new(
                        which.span(),
                        format!("`{which}` is given twice; write it once"),
                    ));
                }
                Ok(())
            });
            if let Err(mistake) = taken {
                self.mistakes.push(mistake);
            }
            skip_to_comma(&listed);
            // Absent after the last one.
            let _ = listed.parse::<Token![,]>();
        }
        Ok(())
    }

    pub(super) fn parse_skip(&mut self, input: ParseStream<'_>, option: &Ident) -> syn::Result<()> {
        let example = "`skip(db, self)`";
        if !input.peek(syn::token::Paren) {
            return Err(Error::new(
                option.span(),
                format!("`skip` takes parameters in parentheses: {example}"),
            ));
        }
        let listed;
        parenthesized!(listed in input);
        if listed.is_empty() {
            return Err(Error::new(
                option.span(),
                format!("`skip` names no parameter; name one, as in {example}, or leave it out"),
            ));
        }
        while !listed.is_empty() {
            let mistake = match one_name(&listed) {
                Ok(name) if name != "_" => {
                    self.skip.push(name);
                    None
                }
                Ok(name) => Some(Error::new(
                    name.span(),
                    "`_` is no name; give the parameter one, such as `_db`, and skip that",
                )),
                Err(place) => Some(Error::new(
                    place,
                    format!(
                        "`skip` takes names of parameters, as in {example}; of a pattern, those \
                         that it binds"
                    ),
                )),
            };
            self.is_key_unclear |= mistake.is_some();
            self.mistakes.extend(mistake);
            skip_to_comma(&listed);
            // Absent after the last one.
            let _ = listed.parse::<Token![,]>();
        }
        Ok(())
    }
}

pub(super) fn tags(input: ParseStream<'_>, option: &Ident) -> syn::Result<Vec<LitStr>> {
    let mistake = |place| {
        Error::new(
            place,
            "`tags` takes texts in parentheses: `tags(\"user:{id}\", \"prices\")`",
        )
    };
    if !input.peek(syn::token::Paren) {
        return Err(mistake(option.span()));
    }
    let listed;
    parenthesized!(listed in input);
    let tags = listed.parse_terminated(<LitStr as Parse>::parse, Token![,]);
    while !listed.is_empty() {
        // Any token tree can be taken from a stream that is not empty.
        let _ = listed.parse::<TokenTree>();
    }
    match tags {
        Ok(tags) if tags.is_empty() => Err(mistake(option.span())),
        Ok(tags) => Ok(tags.into_iter().collect()),
        Err(error) => Err(mistake(error.span())),
    }
}

pub(super) fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        // Any token tree can be taken from a stream that is not empty.
        let _ = input.parse::<TokenTree>();
    }
}
