//! What may not be, and what is meant.

mod explicit;
mod item;
mod key;
mod names;
mod returns;
mod staleness;
mod stream;
mod template;

use std::time::Duration;

use proc_macro2::Span;
use syn::{Error, Expr, ExprClosure, LitStr, Path};

use crate::attribute::{Normalize, Options, Price, SingleFlight, Ttl};
use crate::signature::{Form, Function};

use explicit::{explicit_key, stays_within};
pub(crate) use item::{is_closure, no_function};
pub(crate) use key::{Key, KeyParameter, Role, TemplatePart};
use key::{Named, check_parameters, check_skip, parameters_as_key};
use names::{borrowed_in, names, parameter_in};
use returns::{check_returns, nameless};
pub(crate) use staleness::Staleness;
use template::parse_template;

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// An attribute that fits its function.
pub(crate) struct Checked {
    pub(crate) kind: String,
    pub(crate) op: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) shared: bool,
    pub(crate) key: Key,
    /// Each as the parts of a template.
    pub(crate) tags: Vec<Vec<TemplatePart>>,
    pub(crate) rule: Rule,
    pub(crate) staleness: Staleness,
    /// A closure over the value, or the path of a function.
    pub(crate) weight: Option<Expr>,
    pub(crate) price: Price,
    pub(crate) normalize: Option<Normalize>,
    pub(crate) is_plain: bool,
    pub(crate) is_local: bool,
    /// Between two chunks of a stream that is replayed.
    pub(crate) pace: Option<Duration>,
    /// Where `larder` is to be found.
    pub(crate) larder: Option<Path>,
}

/// Whether a value is kept, and for how long.
pub(crate) struct Rule {
    pub(crate) ttl: Option<Lifetime>,
    pub(crate) cache_if: Option<Expr>,
    pub(crate) unless: Option<Expr>,
}

pub(crate) enum Lifetime {
    Fixed(Duration),
    /// An expression over the parameters.
    OfCall(Expr),
    /// A closure over the value.
    OfValue(ExprClosure),
}

pub(crate) fn check(mut options: Options, function: &Function) -> syn::Result<Checked> {
    let mut mistakes = std::mem::take(&mut options.mistakes);
    let staleness = staleness::staleness(&mut mistakes, &options, function);
    check_attributes(&mut mistakes, function);
    check_form(&mut mistakes, options.local, function);
    check_flags(&mut mistakes, &options);
    check_answers(&mut mistakes, &options, function);
    if staleness.outlives {
        check_rules(&mut mistakes, &options, function);
    }
    let pace = stream::pace(&mut mistakes, &options, function);
    stream::check_options(&mut mistakes, &options, function);
    check_returns(
        &mut mistakes,
        options.plain.is_some(),
        options.local.is_some(),
        function,
    );

    let kind = options
        .kind
        .as_ref()
        .map_or("web".to_owned(), |kind| name(&mut mistakes, "kind", kind));
    let op = options.op.as_ref().map(|op| name(&mut mistakes, "op", op));
    let version = options
        .version
        .as_ref()
        .map(|version| name(&mut mistakes, "version", version));
    let ttl = options.ttl.and_then(|ttl| match ttl {
        Ttl::Fixed(text) => lifetime(&text)
            .map_err(|mistake| mistakes.push(mistake))
            .ok()
            .map(Lifetime::Fixed),
        Ttl::OfCall(expression) => stays_within(&expression, "a lifetime")
            .map_err(|mistake| mistakes.push(mistake))
            .ok()
            .map(|()| Lifetime::OfCall(expression)),
        Ttl::OfValue(closure) => Some(Lifetime::OfValue(closure)),
    });
    let tags = options.tags.iter().filter_map(|tag| {
        let parts = parse_template(tag, "a tag", function);
        parts.map_err(|mistake| mistakes.push(mistake)).ok()
    });
    let tags = tags.collect();
    let is_skip_clear = check_skip(&mut mistakes, &options.skip, function);
    let skip = &options.skip;
    let named = Named {
        skip,
        text: options.text.as_ref(),
        options: options.request.as_ref(),
    };
    let key = if let Some((place, key)) = options.key {
        let key = explicit_key(key, place, function).unwrap_or_else(|mistake| {
            mistakes.push(mistake);
            Key::Parameters(Vec::new())
        });
        check_beside(&mut mistakes, &key, &named);
        key
    } else {
        if is_skip_clear && !options.is_key_unclear {
            check_parameters(&mut mistakes, skip, function);
        }
        parameters_as_key(&mut mistakes, &kind, &named, function)
    };
    check_normalize(&mut mistakes, options.normalize, &named, &key);

    match mistakes.into_iter().reduce(|mut all, mistake| {
        all.combine(mistake);
        all
    }) {
        Some(mistakes) => Err(mistakes),
        None => Ok(Checked {
            kind,
            op,
            version,
            shared: options.shared.is_some(),
            key,
            tags,
            rule: Rule {
                ttl,
                cache_if: options.cache_if,
                unless: options.unless,
            },
            staleness,
            weight: options.weight,
            price: options.price,
            normalize: options.normalize.map(|(_, normalize)| normalize),
            is_plain: options.plain.is_some(),
            is_local: options.local.is_some(),
            pace,
            larder: options.larder,
        }),
    }
}

fn check_attributes(mistakes: &mut Vec<Error>, function: &Function) {
    let mut others = function.attributes.iter();
    let again = others.find(|other| {
        let name = other.path().segments.last();
        name.is_some_and(|name| name.ident == "cached")
    });
    if let Some(again) = again {
        mistakes.push(Error::new_spanned(
            again.path(),
            "`#[cached]` stands here for the second time; remove one of the two",
        ));
    }
}

fn check_form(mistakes: &mut Vec<Error>, local: Option<Span>, function: &Function) {
    let signature = &function.signature;
    if let Some(constness) = signature.constness {
        mistakes.push(Error::new(
            constness.span,
            "a `const fn` cannot look anything up; remove `const`, or remove `#[cached]`",
        ));
    } else if let Some(abi) = &signature.abi {
        mistakes.push(Error::new(
            abi.extern_token.span,
            "`#[cached]` does not go on an `extern fn`; put it on a function that this one calls",
        ));
    } else if matches!(function.form, Form::Sync)
        && local.is_none()
        && function.returns().is_some_and(|it| nameless(it).is_none())
    {
        mistakes.push(Error::new(
            signature.fn_token.span,
            "`#[cached]` needs an `async fn`, or a result that is written as a future \
             (`impl Future<Output = T>`) or as a stream (`impl Stream<Item = Result<T, E>>`); make it \
             `async`, or write `local` to keep its answers in memory alone",
        ));
    }
}

/// What cannot be said of answers that no other process has.
fn check_flags(mistakes: &mut Vec<Error>, options: &Options) {
    if options.local.is_none() {
        return;
    }
    if let Some(shared) = options.shared {
        mistakes.push(Error::new(
            shared,
            "`shared` and `local` do not go together: what functions share is in the store too; \
             remove one of them",
        ));
    }
    if let Some((place, SingleFlight::Cluster)) = options.single_flight {
        mistakes.push(Error::new(
            place,
            "`single_flight = \"cluster\"` and `local` do not go together: other processes have the \
             answer from the store; remove one of them",
        ));
    }
}

/// What is asked of an answer that a hit finds, too, and there is nothing but the answer.
fn check_answers(mistakes: &mut Vec<Error>, options: &Options, function: &Function) {
    for (option, written) in [
        ("weight", &options.weight),
        ("tokens", &options.price.tokens),
        ("cost", &options.price.cost),
    ] {
        let written = written.as_ref();
        if let Some(parameter) = written.and_then(|it| parameter_in(it, function)) {
            mistakes.push(Error::new(
                parameter.span(),
                format!(
                    "`{option}` sees the answer alone, and `{parameter}` is a parameter; let the \
                     answer say what has to be known"
                ),
            ));
        }
    }
}

/// What is asked of an answer when nobody may be there any more that the arguments are borrowed from.
fn check_rules(mistakes: &mut Vec<Error>, options: &Options, function: &Function) {
    let ttl = match &options.ttl {
        Some(Ttl::OfValue(closure)) => Some(Expr::Closure(closure.clone())),
        _ => None,
    };
    for (option, written) in [
        ("ttl", &ttl),
        ("cache_if", &options.cache_if),
        ("unless", &options.unless),
    ] {
        let written = written.as_ref();
        if let Some(parameter) = written.and_then(|it| borrowed_in(it, function)) {
            mistakes.push(Error::new(
                parameter.span(),
                format!(
                    "`{option}` is asked when the caller may have gone, and `{parameter}` is \
                     borrowed from it; let the answer say what has to be known"
                ),
            ));
        }
    }
}

/// What is beside a key that is written out.
fn check_beside(mistakes: &mut Vec<Error>, key: &Key, named: &Named<'_>) {
    let skip = named.skip;
    if let Some(both) = skip.iter().find(|skipped| names(key, skipped)) {
        mistakes.push(Error::new(
            both.span(),
            format!("`{both}` is in the key and skipped; `key` says all there is to say, so remove `skip`"),
        ));
    } else if let Some(skipped) = skip.first() {
        mistakes.push(Error::new(
            skipped.span(),
            "`skip` has no meaning beside `key`, which already says what is in the key; remove \
             one of them",
        ));
    }
    for (name, option) in [(named.text, "text"), (named.options, "options")] {
        if let Some(name) = name {
            mistakes.push(Error::new(
                name.span(),
                format!("`{option}` has no meaning beside `key`; remove one of them"),
            ));
        }
    }
}

/// What there has to be for a text to be normalised.
fn check_normalize(
    mistakes: &mut Vec<Error>,
    normalize: Option<(Span, Normalize)>,
    named: &Named<'_>,
    key: &Key,
) {
    let has_text = match key {
        Key::Parameters(parameters) => parameters.iter().any(|it| it.role == Role::Text),
        Key::Expression(_) | Key::Template(..) => false,
    };
    // One that is named and is none has an error of its own.
    if let Some((place, _)) = normalize
        && !has_text
        && named.text.is_none()
    {
        mistakes.push(Error::new(
            place,
            "`normalize` is about the text of the operation, and there is none; name it, \
             `text = article`, or remove `normalize`",
        ));
    }
}

/// A name that is a part of keys.
fn name(mistakes: &mut Vec<Error>, option: &str, text: &LitStr) -> String {
    let value = text.value();
    let trimmed = value.trim();
    if trimmed.is_empty() {
        mistakes.push(Error::new(
            text.span(),
            format!("`{option}` is empty; name one, or leave it out"),
        ));
    } else if trimmed != value {
        mistakes.push(Error::new(
            text.span(),
            format!("{value:?} has blanks around it; write `{option} = {trimmed:?}`"),
        ));
    }
    value
}

fn lifetime(text: &LitStr) -> syn::Result<Duration> {
    let written = text.value();
    let lifetime = humantime::parse_duration(&written).map_err(|_| {
        Error::new(
            text.span(),
            format!(
                "{written:?} is no duration; write a number and a unit, such as \"90s\", \"15m\", \
                 \"2h\" or \"1h 30m\""
            ),
        )
    })?;
    if !(SHORTEST..=LONGEST).contains(&lifetime) {
        return Err(Error::new(
            text.span(),
            format!("a lifetime is between 1 second and 1 year; {written:?} is not"),
        ));
    }
    Ok(lifetime)
}
