//! What happens before and after the end of a lifetime, and to those who wait.

use std::time::Duration;

use proc_macro2::Span;
use syn::{Error, LitStr};

use super::lifetime;
use crate::attribute::{Options, SingleFlight};
use crate::signature::{Argument, Form, Function};

/// What the attribute says about it.
pub(crate) struct Staleness {
    pub(crate) none_ttl: Option<Duration>,
    pub(crate) err_ttl: Option<Duration>,
    pub(crate) while_revalidate: Option<Duration>,
    pub(crate) if_error: Option<Duration>,
    pub(crate) refresh_ahead: Option<f64>,
    pub(crate) shadow: Option<f64>,
    pub(crate) soft: Option<Duration>,
    pub(crate) hard: Option<Duration>,
    pub(crate) is_detached: bool,
    pub(crate) single_flight: Option<SingleFlight>,
    pub(crate) shares_errors: bool,
    /// Whether the body may outlive its caller.
    pub(crate) outlives: bool,
}

pub(super) fn staleness(
    mistakes: &mut Vec<Error>,
    options: &Options,
    function: &Function,
) -> Staleness {
    let mut timed = |written: &Option<(Span, LitStr)>| {
        let (_, text) = written.as_ref()?;
        lifetime(text)
            .map_err(|mistake| mistakes.push(mistake))
            .ok()
    };
    let none_ttl = timed(&options.none_ttl);
    let err_ttl = timed(&options.err_ttl);
    let while_revalidate = timed(&options.stale_while_revalidate);
    let if_error = timed(&options.stale_if_error);
    let soft = patience(mistakes, options.soft.as_ref());
    let hard = patience(mistakes, options.hard.as_ref());
    if let Some((place, _)) = &options.soft
        && options.stale_if_error.is_none()
    {
        mistakes.push(Error::new(
            *place,
            "after a soft time-out an older value is served, and none is kept; write \
             `stale_if_error = \"1h\"` beside it, or `hard` in its place",
        ));
    }
    if let Some((place, _)) = &options.soft
        && let (Some(soft), Some(hard)) = (soft, hard)
        && soft >= hard
    {
        mistakes.push(Error::new(
            *place,
            "the soft time-out is not shorter than the hard one, so it would never count; make it \
             shorter, or leave it out",
        ));
    }
    let refresh_ahead = options.refresh_ahead.as_ref().and_then(|(_, part)| {
        let number = part.base10_parse().ok();
        let number = number.filter(|number: &f64| 0.0 < *number && *number < 1.0);
        if number.is_none() {
            mistakes.push(Error::new(
                part.span(),
                "`refresh_ahead` is the part of the lifetime that passes before, so it is between \
                 0 and 1: `refresh_ahead = 0.8`",
            ));
        }
        number
    });
    let shadow = options.shadow.as_ref().and_then(|(place, part)| {
        let number = part.base10_parse().ok();
        let number = number.filter(|number: &f64| 0.0 < *number && *number <= 1.0);
        if number.is_none() {
            mistakes.push(Error::new(
                part.span(),
                "`shadow` is the part of all hits that are computed again, so it is above 0 and at \
                 most 1: `shadow = 0.01`",
            ));
        }
        if options.local.is_some() {
            mistakes.push(Error::new(
                *place,
                "`shadow` and `local` do not go together: answers are compared as serde shows them, \
                 and nothing is asked of it here; remove one of the two",
            ));
        }
        number
    });
    check_negative(mistakes, options);
    check_form(mistakes, options, function);
    let outliving = outliving(options);
    let is_stream = matches!(function.form, Form::Stream { .. });
    if is_stream {
        let why = "several callers may follow a stream, so its body";
        check_arguments(mistakes, why, function);
    } else if let Some((name, _)) = outliving {
        let why = format!("with `{name}` the body may outlive its caller, so it");
        check_arguments(mistakes, &why, function);
    }
    Staleness {
        none_ttl,
        err_ttl,
        while_revalidate,
        if_error,
        refresh_ahead,
        shadow,
        soft,
        hard,
        is_detached: options.detach.is_some(),
        single_flight: options.single_flight.map(|(_, it)| it),
        shares_errors: options.share_errors.is_some(),
        outlives: is_stream || outliving.is_some(),
    }
}

/// How long a caller waits: as short as a millisecond.
fn patience(mistakes: &mut Vec<Error>, written: Option<&(Span, LitStr)>) -> Option<Duration> {
    let (_, text) = written?;
    let shortest = Duration::from_millis(1);
    let longest = Duration::from_secs(24 * 60 * 60);
    match humantime::parse_duration(&text.value()) {
        Ok(patience) if (shortest..=longest).contains(&patience) => Some(patience),
        _ => {
            mistakes.push(Error::new(
                text.span(),
                format!(
                    "{:?} is no time-out between 1 millisecond and 1 day; write a number and a \
                     unit, such as \"200ms\" or \"5s\"",
                    text.value()
                ),
            ));
            None
        }
    }
}

fn check_negative(mistakes: &mut Vec<Error>, options: &Options) {
    if let (Some((place, _)), true) = (&options.none_ttl, options.plain.is_some()) {
        mistakes.push(Error::new(
            *place,
            "with `value = plain` a `None` is kept as any other value; remove one of the two",
        ));
    }
    let about_errors = [
        ("err_ttl", options.err_ttl.as_ref().map(|(place, _)| *place)),
        (
            "stale_if_error",
            options.stale_if_error.as_ref().map(|(place, _)| *place),
        ),
        ("share_errors", options.share_errors),
        ("hard", options.hard.as_ref().map(|(place, _)| *place)),
    ];
    for (name, place) in about_errors {
        if let (Some(place), true) = (place, options.plain.is_some()) {
            mistakes.push(Error::new(
                place,
                format!(
                    "with `value = plain` an `Err` is a value as any other, and `{name}` is about \
                     failures; remove one of the two"
                ),
            ));
        }
    }
}

/// The first option that has the body outlive its caller.
fn outliving(options: &Options) -> Option<(&'static str, Span)> {
    let place = |written: &Option<(Span, LitStr)>| written.as_ref().map(|(place, _)| *place);
    [
        ("detach", options.detach),
        (
            "stale_while_revalidate",
            place(&options.stale_while_revalidate),
        ),
        (
            "refresh_ahead",
            options.refresh_ahead.as_ref().map(|(place, _)| *place),
        ),
        ("shadow", options.shadow.as_ref().map(|(place, _)| *place)),
        ("timeout(soft = …)", place(&options.soft)),
    ]
    .into_iter()
    .find_map(|(name, place)| Some((name, place?)))
}

fn check_form(mistakes: &mut Vec<Error>, options: &Options, function: &Function) {
    let outliving = outliving(options);
    match function.form {
        // What is not for streams is said of all options in one place.
        Form::Async | Form::AsyncBlock(_) | Form::Stream { .. } => {}
        Form::Future { .. } => {
            if let Some((name, place)) = outliving {
                mistakes.push(Error::new(
                    place,
                    format!(
                        "with `{name}` the body may be run in the background, and this one makes \
                         its future by itself; make the function an `async fn`"
                    ),
                ));
            }
        }
        Form::Sync => {
            let hard = options.hard.as_ref().map(|(place, _)| *place);
            let not_for_sync = outliving
                .or(hard.map(|place| ("timeout(hard = …)", place)))
                .or(options
                    .single_flight
                    .map(|(place, _)| ("single_flight", place)));
            if let Some((name, place)) = not_for_sync {
                mistakes.push(Error::new(
                    place,
                    format!("`{name}` is about functions that are awaited; make it an `async fn`"),
                ));
            }
        }
    }
}

/// A body that may outlive its caller has copies of what that lends it.
fn check_arguments(mistakes: &mut Vec<Error>, why: &str, function: &Function) {
    for argument in &function.arguments {
        if let Argument::Bound(place, written) = argument {
            let way_out = if written.contains("self") {
                "take `self: Arc<Self>`"
            } else if written.contains("dyn ") {
                "take an `Arc<dyn …>`"
            } else if written.contains("impl ") {
                "take it by value"
            } else if !written.contains('&') {
                "take something that borrows nothing"
            } else {
                "take it by value, behind an `Arc`, or as a `&T` where `T` is `Clone`"
            };
            mistakes.push(Error::new(
                *place,
                format!(
                    "{why} has copies of what is borrowed, and `{written}` cannot be copied; \
                     {way_out}"
                ),
            ));
        }
    }
}
