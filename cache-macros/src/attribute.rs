//! What was written between the parentheses of `#[cached(…)]`.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprClosure, Ident, Lit, LitStr, Path, Token, parenthesized};

use crate::vocabulary::{OPTIONS, list, unknown_option};

/// The options as they were written, each with its place. Mistakes are collected, so that all of
/// them show at once.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) kind: Option<LitStr>,
    pub(crate) op: Option<LitStr>,
    pub(crate) ttl: Option<Ttl>,
    /// A closure over the value, or the path of a function.
    pub(crate) cache_if: Option<Expr>,
    pub(crate) unless: Option<Expr>,
    /// Without `r#`, as `text`.
    pub(crate) skip: Vec<Ident>,
    pub(crate) key: Option<(Span, Expr)>,
    pub(crate) text: Option<Ident>,
    /// A number counts as its digits.
    pub(crate) version: Option<LitStr>,
    /// `value = plain`.
    pub(crate) is_plain: bool,
    pub(crate) shared: Option<Span>,
    pub(crate) local: Option<Span>,
    /// Where `larder` is to be found.
    pub(crate) larder: Option<Path>,
    pub(crate) mistakes: Vec<Error>,
}

/// A lifetime as it was written.
pub(crate) enum Ttl {
    Fixed(LitStr),
    /// An expression over the parameters.
    OfCall(Expr),
    /// A closure over the value.
    OfValue(ExprClosure),
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
            "kind" => self.kind = Some(text_after(input, &option, "`kind = \"web\"`")?),
            "op" => self.op = Some(text_after(input, &option, "`op = \"summarize\"`")?),
            "ttl" => self.ttl = Some(ttl(input, &option)?),
            "cache_if" => self.cache_if = Some(condition(input, &option)?),
            "unless" => self.unless = Some(condition(input, &option)?),
            "skip" => self.skip.extend(skip(input, &option)?),
            "key" => {
                equals(
                    input,
                    &option,
                    "`key = (user.id, page)` or `key = \"user:{id}\"`",
                )?;
                self.key = Some((option.span(), expression(input)?));
            }
            "text" => {
                equals(input, &option, "`text = article`")?;
                let name = input.call(Ident::parse_any).map_err(|error| {
                    Error::new(error.span(), "`text` takes the name of a parameter")
                })?;
                self.text = Some(name.unraw());
            }
            "version" => self.version = Some(version(input, &option)?),
            "value" => {
                equals(input, &option, "`value = plain`")?;
                let place = input.span();
                self.is_plain = input
                    .call(Ident::parse_any)
                    .is_ok_and(|value| value == "plain");
                if !self.is_plain {
                    return Err(Error::new(
                        place,
                        "`value` takes `plain`: the whole result is the value, whatever its type is",
                    ));
                }
            }
            "shared" => {
                alone(input, &option, "where the function shares nothing")?;
                self.shared = Some(option.span());
            }
            "local" => {
                alone(input, &option, "where a store may keep the answers")?;
                self.local = Some(option.span());
            }
            _ => {
                equals(input, &option, "`crate = my_dependency::larder`")?;
                let path = input.call(Path::parse_mod_style).map_err(|error| {
                    Error::new(
                        error.span(),
                        "`crate` takes the path of `larder`: `crate = my_dependency::larder`",
                    )
                })?;
                self.larder = Some(path);
            }
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

fn alone(input: ParseStream<'_>, option: &Ident, otherwise: &str) -> syn::Result<()> {
    if input.peek(Token![=]) || input.peek(syn::token::Paren) {
        return Err(Error::new(
            option.span(),
            format!("`{option}` stands alone; leave it out {otherwise}"),
        ));
    }
    Ok(())
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

/// An expression, out of the groups that a `$name:expr` of `macro_rules!` puts around it.
fn expression(input: ParseStream<'_>) -> syn::Result<Expr> {
    let mut expression = input.parse()?;
    while let Expr::Group(group) = expression {
        expression = *group.expr;
    }
    Ok(expression)
}

fn ttl(input: ParseStream<'_>, option: &Ident) -> syn::Result<Ttl> {
    let example = "`ttl = \"15m\"`";
    equals(input, option, example)?;
    match expression(input)? {
        Expr::Lit(it) => match it.lit {
            Lit::Str(text) => Ok(Ttl::Fixed(text)),
            other => Err(without_unit(&other, example)),
        },
        Expr::Unary(it) if matches!(*it.expr, Expr::Lit(_)) => Err(without_unit(&it, example)),
        Expr::Closure(of_value) => {
            one_parameter(&of_value)?;
            Ok(Ttl::OfValue(of_value))
        }
        of_call => Ok(Ttl::OfCall(of_call)),
    }
}

fn without_unit(written: &impl quote::ToTokens, example: &str) -> Error {
    Error::new_spanned(
        written,
        format!("a lifetime needs a unit: {example}, or an expression that is a `Duration`"),
    )
}

fn condition(input: ParseStream<'_>, option: &Ident) -> syn::Result<Expr> {
    let example = format!("`{option} = |answer| answer.is_empty()`");
    equals(input, option, &example)?;
    let condition = expression(input)?;
    match &condition {
        Expr::Closure(closure) => one_parameter(closure)?,
        Expr::Path(_) => {}
        other => {
            return Err(Error::new_spanned(
                other,
                format!("`{option}` takes a closure over the value: {example}"),
            ));
        }
    }
    Ok(condition)
}

fn one_parameter(closure: &ExprClosure) -> syn::Result<()> {
    if closure.inputs.len() == 1 {
        return Ok(());
    }
    Err(Error::new(
        closure.inputs.span(),
        "this closure takes one parameter: a reference to the value that would be kept",
    ))
}

fn skip(input: ParseStream<'_>, option: &Ident) -> syn::Result<Vec<Ident>> {
    if !input.peek(syn::token::Paren) {
        return Err(Error::new(
            option.span(),
            "`skip` takes parameters in parentheses: `skip(db, self)`",
        ));
    }
    let names;
    parenthesized!(names in input);
    let names = Punctuated::<Ident, Token![,]>::parse_terminated_with(&names, Ident::parse_any)?;
    Ok(names.iter().map(IdentExt::unraw).collect())
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
        let _ = input.parse::<TokenTree>();
    }
}
