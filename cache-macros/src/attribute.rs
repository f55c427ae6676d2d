//! What was written between the parentheses of `#[cached(…)]`.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Error, Expr, ExprClosure, Ident, Lit, LitFloat, LitStr, Path, Token, parenthesized};

use crate::vocabulary::{OPTIONS, did_you_mean, list, unknown_option};

/// Who waits for whom, where that is not the callers of one process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SingleFlight {
    /// The callers of all processes.
    Cluster,
    /// Nobody.
    Off,
}

/// The options as they were written, each with its place. Mistakes are collected, so that all of
/// them show at once.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) kind: Option<LitStr>,
    pub(crate) op: Option<LitStr>,
    pub(crate) ttl: Option<Ttl>,
    pub(crate) none_ttl: Option<(Span, LitStr)>,
    pub(crate) err_ttl: Option<(Span, LitStr)>,
    /// A closure over the value, or the path of a function.
    pub(crate) cache_if: Option<Expr>,
    pub(crate) unless: Option<Expr>,
    /// Without `r#`, as `text`.
    pub(crate) skip: Vec<Ident>,
    pub(crate) key: Option<(Span, Expr)>,
    pub(crate) text: Option<Ident>,
    /// Unless it is `"none"`.
    pub(crate) normalize: Option<(Span, Normalize)>,
    /// The parameter that has the options of the call, without `r#`.
    pub(crate) request: Option<Ident>,
    pub(crate) tags: Vec<LitStr>,
    /// A number counts as its digits.
    pub(crate) version: Option<LitStr>,
    /// A closure over the value, or the path of a function.
    pub(crate) weight: Option<Expr>,
    /// What an answer takes: closures over the value, or paths of functions.
    pub(crate) price: Price,
    /// `value = plain`.
    pub(crate) is_plain: bool,
    pub(crate) stale_while_revalidate: Option<(Span, LitStr)>,
    pub(crate) stale_if_error: Option<(Span, LitStr)>,
    pub(crate) refresh_ahead: Option<(Span, LitFloat)>,
    pub(crate) shadow: Option<(Span, LitFloat)>,
    pub(crate) soft: Option<(Span, LitStr)>,
    pub(crate) hard: Option<(Span, LitStr)>,
    pub(crate) detach: Option<Span>,
    /// Unless it is `"process"`.
    pub(crate) single_flight: Option<(Span, SingleFlight)>,
    pub(crate) share_errors: Option<Span>,
    /// Of a stream that is replayed.
    pub(crate) pace: Option<(Span, LitStr)>,
    pub(crate) shared: Option<Span>,
    pub(crate) local: Option<Span>,
    /// Where `larder` is to be found.
    pub(crate) larder: Option<Path>,
    pub(crate) mistakes: Vec<Error>,
    /// There is a mistake in what may have said what the key is, so nothing that it seems to lack
    /// is worth an error of its own.
    pub(crate) is_key_unclear: bool,
}

/// Which texts count as the same, where not each is another one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Normalize {
    Trim,
    Unicode,
}

/// What an answer takes: closures over the value, or paths of functions.
#[derive(Default)]
pub(crate) struct Price {
    pub(crate) tokens: Option<Expr>,
    pub(crate) cost: Option<Expr>,
}

impl Price {
    pub(crate) fn is_said(&self) -> bool {
        self.tokens.is_some() || self.cost.is_some()
    }
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

    /// The name of the next option, if it is one that was not given before.
    fn name_of_one(&mut self, input: ParseStream<'_>, seen: &mut Vec<Ident>) -> syn::Result<Ident> {
        let option = input
            .call(Ident::parse_any)
            .map_err(|error| nameless(input, error.span()))?;
        let name = option.to_string();
        if !OPTIONS.contains(&name.as_str()) {
            let (error, meant) = unknown_option(&option, &name);
            self.is_key_unclear |= matches!(meant, Some("key" | "skip"));
            return Err(error);
        }
        if seen.contains(&option) {
            return Err(Error::new(
                option.span(),
                format!("`{name}` is given twice; write it once"),
            ));
        }
        seen.push(option.clone());
        Ok(option)
    }

    fn parse_one(&mut self, input: ParseStream<'_>, seen: &mut Vec<Ident>) -> syn::Result<()> {
        let option = self.name_of_one(input, seen)?;
        match option.to_string().as_str() {
            "kind" => self.kind = Some(text_after(input, &option, "`kind = \"web\"`")?),
            "op" => self.op = Some(text_after(input, &option, "`op = \"summarize\"`")?),
            "ttl" => self.ttl = Some(ttl(input, &option)?),
            "none_ttl" => self.none_ttl = Some(duration(input, &option)?),
            "err_ttl" => self.err_ttl = Some(duration(input, &option)?),
            "stale_while_revalidate" => {
                self.stale_while_revalidate = Some(duration(input, &option)?);
            }
            "stale_if_error" => self.stale_if_error = Some(duration(input, &option)?),
            "refresh_ahead" => {
                let what = "the part of the lifetime that passes before: `refresh_ahead = 0.8`";
                self.refresh_ahead = Some(part(input, &option, what)?);
            }
            "shadow" => {
                let what = "the part of all hits that are computed again: `shadow = 0.01`";
                self.shadow = Some(part(input, &option, what)?);
            }
            "timeout" => self.parse_timeout(input, &option)?,
            "detach" => {
                alone(input, &option, "where a computation ends with its caller")?;
                self.detach = Some(option.span());
            }
            "single_flight" => {
                let single_flight = single_flight(input, &option)?;
                self.single_flight = single_flight.map(|it| (option.span(), it));
            }
            "share_errors" => {
                alone(input, &option, "where each caller is to have its own error")?;
                self.share_errors = Some(option.span());
            }
            "pace" => self.pace = Some(pause(input, &option)?),
            "cache_if" => self.cache_if = Some(condition(input, &option)?),
            "unless" => self.unless = Some(condition(input, &option)?),
            "weight" => {
                let example = "`weight = |answer| answer.len()`";
                self.weight = Some(of_value(input, &option, example)?);
            }
            "skip" => self
                .parse_skip(input, &option)
                .inspect_err(|_| self.is_key_unclear = true)?,
            "key" => {
                let key = key(input, &option).inspect_err(|_| self.is_key_unclear = true)?;
                self.key = Some((option.span(), key));
            }
            "tokens" => {
                let example = "`tokens = |answer| answer.usage.total_tokens`";
                self.price.tokens = Some(of_value(input, &option, example)?);
            }
            "cost" => {
                let example = "`cost = |answer| answer.usage.cost`";
                self.price.cost = Some(of_value(input, &option, example)?);
            }
            "text" => self.text = Some(parameter(input, &option, "`text = article`")?),
            "options" => self.request = Some(parameter(input, &option, "`options = request`")?),
            "normalize" => {
                let normalize = normalize(input, &option)?;
                self.normalize = normalize.map(|it| (option.span(), it));
            }
            "tags" => self.tags = tags(input, &option)?,
            "version" => self.version = Some(version(input, &option)?),
            "value" => {
                plain(input, &option)?;
                self.is_plain = true;
            }
            "shared" => {
                alone(input, &option, "where the function shares nothing")?;
                self.shared = Some(option.span());
            }
            "local" => {
                self.local = Some(option.span());
                alone(input, &option, "where a store may keep the answers")?;
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

    /// `timeout(soft = "200ms", hard = "5s")`.
    fn parse_timeout(&mut self, input: ParseStream<'_>, option: &Ident) -> syn::Result<()> {
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

    fn parse_skip(&mut self, input: ParseStream<'_>, option: &Ident) -> syn::Result<()> {
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

/// Where the name of an option should be.
fn nameless(input: ParseStream<'_>, place: Span) -> Error {
    let text = input.fork().parse::<LitStr>().map(|text| text.value());
    let meant = match text {
        Ok(text) if humantime::parse_duration(&text).is_ok() => Some(format!("ttl = {text:?}")),
        Ok(text) if text.contains('{') => Some(format!("key = {text:?}")),
        _ => None,
    };
    let hint = did_you_mean(meant.as_deref());
    Error::new(
        place,
        format!(
            "expected an option; {hint}the options are {}",
            list(OPTIONS)
        ),
    )
}

fn equals(input: ParseStream<'_>, option: &Ident, example: &str) -> syn::Result<()> {
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

fn ends(input: ParseStream<'_>) -> bool {
    input.is_empty() || input.peek(Token![,])
}

/// One name and nothing else; without it, where it should be.
fn one_name(input: ParseStream<'_>) -> Result<Ident, Span> {
    let place = input.span();
    match input.call(Ident::parse_any) {
        Ok(name) if ends(input) => Ok(name.unraw()),
        _ => Err(place),
    }
}

/// The name of one parameter.
fn parameter(input: ParseStream<'_>, option: &Ident, example: &str) -> syn::Result<Ident> {
    equals(input, option, example)?;
    one_name(input).map_err(|place| {
        let message = format!("`{option}` takes the name of one parameter: {example}");
        Error::new(place, message)
    })
}

/// `None`: as without it.
fn normalize(input: ParseStream<'_>, option: &Ident) -> syn::Result<Option<Normalize>> {
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

/// A duration, with the place of its option.
fn duration(input: ParseStream<'_>, option: &Ident) -> syn::Result<(Span, LitStr)> {
    let example = format!("`{option} = \"1m\"`");
    Ok((option.span(), text_after(input, option, &example)?))
}

/// The same for a short one.
fn pause(input: ParseStream<'_>, option: &Ident) -> syn::Result<(Span, LitStr)> {
    let example = format!("`{option} = \"20ms\"`");
    Ok((option.span(), text_after(input, option, &example)?))
}

/// `None`: as without it.
fn single_flight(input: ParseStream<'_>, option: &Ident) -> syn::Result<Option<SingleFlight>> {
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
fn part(input: ParseStream<'_>, option: &Ident, what: &str) -> syn::Result<(Span, LitFloat)> {
    let (_, example) = what.rsplit_once(": ").unwrap_or_default();
    equals(input, option, example)?;
    let place = input.span();
    let part = input
        .parse::<LitFloat>()
        .map_err(|_| Error::new(place, format!("`{option}` takes {what}")))?;
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

fn key(input: ParseStream<'_>, option: &Ident) -> syn::Result<Expr> {
    let example = "`key = (user.id, page)` or `key = \"user:{id}\"`";
    equals(input, option, example)?;
    expression(input)
}

fn ttl(input: ParseStream<'_>, option: &Ident) -> syn::Result<Ttl> {
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

fn condition(input: ParseStream<'_>, option: &Ident) -> syn::Result<Expr> {
    let not = if option == "cache_if" { "!" } else { "" };
    let example = format!("`{option} = |answer| {not}answer.is_empty()`");
    of_value(input, option, &example)
}

/// A closure over the value, or the path of a function.
fn of_value(input: ParseStream<'_>, option: &Ident, example: &str) -> syn::Result<Expr> {
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

fn tags(input: ParseStream<'_>, option: &Ident) -> syn::Result<Vec<LitStr>> {
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

fn plain(input: ParseStream<'_>, option: &Ident) -> syn::Result<()> {
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
