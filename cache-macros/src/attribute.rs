//! What was written between the parentheses of `#[cached(…)]`.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, Lit, LitStr, Token, parenthesized};

const OPTIONS: [&str; 8] = [
    "kind", "op", "ttl", "skip", "key", "text", "version", "shared",
];

/// What people write who come from other libraries, and what it is called here.
const ELSEWHERE: [(&str, &str); 12] = [
    ("time", "ttl"),
    ("expire", "ttl"),
    ("ttl_secs", "ttl"),
    ("lifetime", "ttl"),
    ("duration", "ttl"),
    ("name", "op"),
    ("operation", "op"),
    ("cache", "kind"),
    ("convert", "key"),
    ("ignore", "skip"),
    ("exclude", "skip"),
    ("skip_args", "skip"),
];

/// The options as they were written, each with its place. Mistakes are collected, so that all of
/// them show at once.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) kind: Option<LitStr>,
    pub(crate) op: Option<LitStr>,
    pub(crate) ttl: Option<LitStr>,
    /// Without `r#`, as `text`.
    pub(crate) skip: Vec<Ident>,
    pub(crate) key: Option<(Span, Expr)>,
    pub(crate) text: Option<Ident>,
    /// A number counts as its digits.
    pub(crate) version: Option<LitStr>,
    pub(crate) shared: bool,
    pub(crate) mistakes: Vec<Error>,
}

impl Options {
    pub(crate) fn parse(arguments: TokenStream) -> Self {
        let mut options = Self::default();
        let parsed = (|input: ParseStream<'_>| {
            options.parse_all(input);
            Ok(())
        })
        .parse2(arguments);
        if let Err(error) = parsed {
            options.mistakes.push(error);
        }
        options
    }

    fn parse_all(&mut self, input: ParseStream<'_>) {
        let mut seen: Vec<Ident> = Vec::new();
        while !input.is_empty() {
            if let Err(error) = self.parse_one(input, &mut seen) {
                self.mistakes.push(error);
                skip_to_comma(input);
            }
            if input.is_empty() {
                return;
            }
            if let Err(error) = input.parse::<Token![,]>() {
                self.mistakes.push(Error::new(
                    error.span(),
                    "expected `,` before the next option",
                ));
                skip_to_comma(input);
                // Only an error if the stream is empty.
                let _ = input.parse::<Token![,]>();
            }
        }
    }

    fn parse_one(&mut self, input: ParseStream<'_>, seen: &mut Vec<Ident>) -> syn::Result<()> {
        let option = input.call(Ident::parse_any).map_err(|error| {
            Error::new(
                error.span(),
                format!("expected an option; the options are {}", list(OPTIONS)),
            )
        })?;
        let name = option.to_string();
        if !OPTIONS.contains(&name.as_str()) {
            return Err(unknown_option(&option, &name));
        }
        if seen.contains(&option) {
            return Err(Error::new(
                option.span(),
                format!("`{name}` is given twice; write it once"),
            ));
        }
        seen.push(option.clone());
        match name.as_str() {
            "skip" => {
                if !input.peek(syn::token::Paren) {
                    return Err(Error::new(
                        option.span(),
                        "`skip` takes parameters in parentheses: `skip(db, self)`",
                    ));
                }
                let names;
                parenthesized!(names in input);
                let names = Punctuated::<Ident, Token![,]>::parse_terminated_with(
                    &names,
                    Ident::parse_any,
                )?;
                self.skip.extend(names.iter().map(IdentExt::unraw));
            }
            "key" => {
                equals(
                    input,
                    &option,
                    "`key = (user.id, page)` or `key = \"user:{id}\"`",
                )?;
                self.key = Some((option.span(), input.parse()?));
            }
            "text" => {
                equals(input, &option, "`text = article`")?;
                let name = input.call(Ident::parse_any).map_err(|error| {
                    Error::new(error.span(), "`text` takes the name of a parameter")
                })?;
                self.text = Some(name.unraw());
            }
            "version" => self.version = Some(version(input, &option)?),
            "shared" => {
                if input.peek(Token![=]) || input.peek(syn::token::Paren) {
                    return Err(Error::new(
                        option.span(),
                        "`shared` stands alone; leave it out where the function shares nothing",
                    ));
                }
                self.shared = true;
            }
            "kind" => self.kind = Some(text_after(input, &option, "`kind = \"web\"`")?),
            "op" => self.op = Some(text_after(input, &option, "`op = \"summarize\"`")?),
            _ => self.ttl = Some(text_after(input, &option, "`ttl = \"15m\"`")?),
        }
        Ok(())
    }
}

fn equals(input: ParseStream<'_>, option: &Ident, example: &str) -> syn::Result<()> {
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        Ok(())
    } else {
        Err(Error::new(
            option.span(),
            format!("`{option}` takes a value: {example}"),
        ))
    }
}

fn text_after(input: ParseStream<'_>, option: &Ident, example: &str) -> syn::Result<LitStr> {
    equals(input, option, example)?;
    input.parse::<LitStr>().map_err(|error| {
        Error::new(
            error.span(),
            format!("`{option}` takes text in quotes: {example}"),
        )
    })
}

fn version(input: ParseStream<'_>, option: &Ident) -> syn::Result<LitStr> {
    equals(input, option, "`version = 2`")?;
    let place = input.span();
    match input.parse() {
        Ok(Lit::Str(text)) => Ok(text),
        Ok(Lit::Int(number)) => Ok(LitStr::new(number.base10_digits(), number.span())),
        _ => Err(Error::new(
            place,
            "`version` takes a number or a text in quotes: `version = 2`",
        )),
    }
}

fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        // Any token tree can be taken from a stream that is not empty.
        let _ = input.parse::<proc_macro2::TokenTree>();
    }
}

fn unknown_option(option: &Ident, name: &str) -> Error {
    let elsewhere = ELSEWHERE
        .iter()
        .find(|(other, _)| *other == name)
        .map(|(_, ours)| *ours);
    let hint = match elsewhere.or_else(|| closest(name, OPTIONS)) {
        Some(meant) => format!("did you mean `{meant}`? "),
        None => String::new(),
    };
    Error::new(
        option.span(),
        format!(
            "unknown option `{name}`; {hint}the options are {}",
            list(OPTIONS)
        ),
    )
}

/// The candidate that takes the fewest changes of a character to reach, if they are few.
pub(crate) fn closest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// `` `a`, `b` ``
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
