//! What was written between the parentheses of `#[cached(…)]`.

mod listed;
mod value;

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Expr, ExprClosure, Ident, LitFloat, LitStr, Path, Token};

use crate::vocabulary::{OPTIONS, did_you_mean, list, unknown_option};
use listed::{skip_to_comma, tags};
use value::{
    alone, condition, duration, equals, key, normalize, of_value, parameter, part, pause, plain,
    single_flight, text_after, ttl, version,
};

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
    /// Where `value = plain` stands.
    pub(crate) plain: Option<Span>,
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
                self.plain = Some(option.span());
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
