//! What stands behind the name of an option.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Error, Expr, ExprClosure, Ident, Lit, LitFloat, LitStr, Token};

use super::{Normalize, SingleFlight, Ttl};

pub(super) fn equals(input: ParseStream<'_>, option: &Ident, example: &str) -> syn::Result<()> {
    if input.peek(Token![=]) && !input.peek(Token![==]) {
        input.parse::<Token![=]>()?;
        if !ends(input) {
            return Ok(());
        }
    }
    Err(Error::new(
        option.span(),
        format!("`{option}` takes a value: {example}"),
    ))
}

pub(super) fn ends(input: ParseStream<'_>) -> bool {
    input.is_empty() || input.peek(Token![,])
}

/// One name and nothing else; without it, where it should be.
pub(super) fn one_name(input: ParseStream<'_>) -> Result<Ident, Span> {
    let place = input.span();
    match input.call(Ident::parse_any) {
        Ok(name) if ends(input) => Ok(name.unraw()),
        _ => Err(place),
    }
}

/// The name of one parameter.
pub(super) fn parameter(
    input: ParseStream<'_>,
    option: &Ident,
    example: &str,
) -> syn::Result<Ident> {
    equals(input, option, example)?;
    one_name(input).map_err(|place| {
        let message = format!("`{option}` takes the name of one parameter: {example}");
        Error::new(place, message)
    })
}

/// `None`: as without it.
pub(super) fn normalize(input: ParseStream<'_>, option: &Ident) -> syn::Result<Option<Normalize>> {
    let how = text_after(input, option, "`normalize = \"trim\"`")?;
    match how.value().as_str() {
        "none" => Ok(None),
        "trim" => Ok(Some(Normalize::Trim)),
        "unicode" => Ok(Some(Normalize::Unicode)),
        _ => Err(Error::new(
            how.span(),
            "`normalize` is \"none\", as without it; \"trim\": white space at both ends of the text \
             does not count; or \"unicode\": letters count in the normal form C, however they are \
             composed",
        )),
    }
}

pub(super) fn alone(input: ParseStream<'_>, option: &Ident, otherwise: &str) -> syn::Result<()> {
    if input.peek(Token![=]) || input.peek(syn::token::Paren) {
        return Err(Error::new(
            option.span(),
            format!("`{option}` stands alone; leave it out {otherwise}"),
        ));
    }
    Ok(())
}

pub(super) fn text_after(
    input: ParseStream<'_>,
    option: &Ident,
    example: &str,
) -> syn::Result<LitStr> {
    equals(input, option, example)?;
    input.parse::<LitStr>().map_err(|error| {
        Error::new(
            error.span(),
            format!("`{option}` takes text in quotes: {example}"),
        )
    })
}

/// A duration, with the place of its option.
pub(super) fn duration(input: ParseStream<'_>, option: &Ident) -> syn::Result<(Span, LitStr)> {
    let example = format!("`{option} = \"1m\"`");
    Ok((option.span(), text_after(input, option, &example)?))
}

/// The same for a short one.
pub(super) fn pause(input: ParseStream<'_>, option: &Ident) -> syn::Result<(Span, LitStr)> {
    let example = format!("`{option} = \"20ms\"`");
    Ok((option.span(), text_after(input, option, &example)?))
}

/// `None`: as without it.
pub(super) fn single_flight(
    input: ParseStream<'_>,
    option: &Ident,
) -> syn::Result<Option<SingleFlight>> {
    let how = text_after(input, option, "`single_flight = \"off\"`")?;
    match how.value().as_str() {
        "process" => Ok(None),
        "cluster" => Ok(Some(SingleFlight::Cluster)),
        "off" => Ok(Some(SingleFlight::Off)),
        _ => Err(Error::new(
            how.span(),
            "`single_flight` is \"process\", as without it; \"cluster\": all processes over one Redis \
             run the body once; or \"off\": each call runs it for itself",
        )),
    }
}

/// A part of a whole.
pub(super) fn part(
    input: ParseStream<'_>,
    option: &Ident,
    what: &str,
) -> syn::Result<(Span, LitFloat)> {
    let (_, example) = what.rsplit_once(": ").unwrap_or_default();
    equals(input, option, example)?;
    let place = input.span();
    let part = match input.parse() {
        Ok(Lit::Float(part)) => part,
        Ok(Lit::Int(whole)) => LitFloat::new(&format!("{}.0", whole.base10_digits()), whole.span()),
        _ => return Err(Error::new(place, format!("`{option}` takes {what}"))),
    };
    Ok((option.span(), part))
}

/// An expression, out of the groups that a `$name:expr` of `macro_rules!` puts around it.
fn expression(input: ParseStream<'_>) -> syn::Result<Expr> {
    let mut expression = input.parse()?;
    while let Expr::Group(group) = expression {
        expression = *group.expr;
    }
    Ok(expression)
}

pub(super) fn key(input: ParseStream<'_>, option: &Ident) -> syn::Result<Expr> {
    let example = "`key = (user.id, page)` or `key = \"user:{id}\"`";
    equals(input, option, example)?;
    expression(input)
}

pub(super) fn ttl(input: ParseStream<'_>, option: &Ident) -> syn::Result<Ttl> {
    let example = "`ttl = \"15m\"`";
    equals(input, option, example)?;
    match expression(input)? {
        Expr::Lit(it) => match it.lit {
            Lit::Str(text) => Ok(Ttl::Fixed(text)),
            other => Err(without_unit(&other, example)),
        },
        number if is_number(&number) => Err(without_unit(&number, example)),
        Expr::Closure(of_value) => {
            one_parameter(&of_value)?;
            Ok(Ttl::OfValue(of_value))
        }
        of_call => Ok(Ttl::OfCall(of_call)),
    }
}

/// `-1`, `60 * 60`.
fn is_number(written: &Expr) -> bool {
    match written {
        Expr::Lit(_) => true,
        Expr::Unary(it) => is_number(&it.expr),
        Expr::Paren(it) => is_number(&it.expr),
        Expr::Binary(it) => is_number(&it.left) && is_number(&it.right),
        _ => false,
    }
}

fn without_unit(written: &impl quote::ToTokens, example: &str) -> Error {
    Error::new_spanned(
        written,
        format!("a lifetime needs a unit: {example}, or an expression that is a `Duration`"),
    )
}

pub(super) fn condition(input: ParseStream<'_>, option: &Ident) -> syn::Result<Expr> {
    let not = if option == "cache_if" { "!" } else { "" };
    let example = format!("`{option} = |answer| {not}answer.is_empty()`");
    of_value(input, option, &example)
}

/// A closure over the value, or the path of a function.
pub(super) fn of_value(input: ParseStream<'_>, option: &Ident, example: &str) -> syn::Result<Expr> {
    equals(input, option, example)?;
    let of_value = expression(input)?;
    match &of_value {
        Expr::Closure(closure) => one_parameter(closure)?,
        Expr::Path(_) => {}
        other => {
            return Err(Error::new_spanned(
                other,
                format!("`{option}` takes a closure over the value: {example}"),
            ));
        }
    }
    Ok(of_value)
}

fn one_parameter(closure: &ExprClosure) -> syn::Result<()> {
    if closure.inputs.len() == 1 {
        return Ok(());
    }
    let message = "this closure takes one parameter: a reference to the value that would be kept";
    Err(if closure.inputs.is_empty() {
        Error::new_spanned(closure.inputs_begin, message)
    } else {
        Error::new_spanned(&closure.inputs, message)
    })
}

pub(super) fn plain(input: ParseStream<'_>, option: &Ident) -> syn::Result<()> {
    equals(input, option, "`value = plain`")?;
    let place = input.span();
    match input.call(Ident::parse_any) {
        Ok(value) if value == "plain" => Ok(()),
        _ => Err(Error::new(
            place,
            "`value` takes `plain`: the whole result is the value, whatever its type is",
        )),
    }
}

pub(super) fn version(input: ParseStream<'_>, option: &Ident) -> syn::Result<LitStr> {
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
