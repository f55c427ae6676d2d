//! What may not be in functions that return a stream.

use std::time::Duration;

use proc_macro2::Span;
use syn::{Error, LitStr, ReturnType, Type};

use crate::attribute::{Options, SingleFlight};
use crate::signature::{Form, Function, stream, stream_within};

/// The pause between two chunks of a replay.
pub(super) fn pace(
    mistakes: &mut Vec<Error>,
    options: &Options,
    function: &Function,
) -> Option<Duration> {
    let (place, text) = options.pace.as_ref()?;
    if !is_stream(function) {
        mistakes.push(Error::new(
            *place,
            "`pace` is about the chunks of a stream that is replayed, and this function returns no \
             `impl Stream`; remove it",
        ));
        return None;
    }
    let shortest = Duration::from_millis(1);
    let longest = Duration::from_secs(60);
    let pause = humantime::parse_duration(&text.value()).ok();
    let pause = pause.filter(|pause| (shortest..=longest).contains(pause));
    if pause.is_none() {
        mistakes.push(Error::new(
            text.span(),
            format!(
                "{:?} is no pause between 1 millisecond and 1 minute; write a number and a unit, \
                 such as \"20ms\"",
                text.value()
            ),
        ));
    }
    pause
}

/// Options whose behaviour a stream does not have.
pub(super) fn check_options(mistakes: &mut Vec<Error>, options: &Options, function: &Function) {
    if !is_stream(function) {
        return;
    }
    let place = |written: &Option<(Span, LitStr)>| written.as_ref().map(|(place, _)| *place);
    let is_kept_whole =
        "a stream is kept when it has come to its end without an `Err`, or not at all";
    let begins_anew = "a stream past its lifetime is begun anew";
    let waits = "who reads a stream decides how long it waits for each chunk";
    for (name, place, why) in [
        ("none_ttl", place(&options.none_ttl), is_kept_whole),
        ("err_ttl", place(&options.err_ttl), is_kept_whole),
        (
            "stale_while_revalidate",
            place(&options.stale_while_revalidate),
            begins_anew,
        ),
        (
            "stale_if_error",
            place(&options.stale_if_error),
            begins_anew,
        ),
        (
            "refresh_ahead",
            options.refresh_ahead.as_ref().map(|(place, _)| *place),
            begins_anew,
        ),
        (
            "shadow",
            options.shadow.as_ref().map(|(place, _)| *place),
            "its body would run once more for nobody who reads it",
        ),
        ("timeout(soft = …)", place(&options.soft), waits),
        ("timeout(hard = …)", place(&options.hard), waits),
    ] {
        if let Some(place) = place {
            mistakes.push(Error::new(
                place,
                format!("`{name}` is not for streams: {why}; remove it"),
            ));
        }
    }
    if let Some((place, SingleFlight::Cluster)) = options.single_flight {
        mistakes.push(Error::new(
            place,
            "`single_flight = \"cluster\"` is not for streams: those of other processes cannot be \
             followed; remove it",
        ));
    }
    if let Some(plain) = options.plain {
        mistakes.push(Error::new(
            plain,
            "`value = plain` is not for streams: of their items the `Ok` is kept; remove it",
        ));
    }
}

/// Streams that cannot be kept. Says whether there are none.
pub(super) fn check_stream(mistakes: &mut Vec<Error>, returns: &Type, function: &Function) -> bool {
    let before = mistakes.len();
    if is_stream(function) {
        let ReturnType::Type(_, ty) = &function.signature.output else {
            return true;
        };
        if stream(ty).is_some_and(|stream| !stream.is_send) {
            mistakes.push(Error::new_spanned(
                ty,
                "whoever waits for a cached stream may go on with it on its own thread; return \
                 `impl Stream<Item = Result<T, E>> + Send`, `BoxStream<'static, Result<T, E>>` or \
                 `Pin<Box<dyn Stream<Item = Result<T, E>> + Send>>`",
            ));
        }
        if is_no_result(returns) {
            mistakes.push(Error::new_spanned(
                returns,
                "a stream that ends early has to say so, or half an answer would be kept: write \
                 `impl Stream<Item = Result<T, E>>`; where nothing can fail, `E` may be \
                 `std::convert::Infallible`",
            ));
        }
    } else if let Some(within) = stream_within(returns) {
        mistakes.push(Error::new_spanned(
            within,
            "a stream that is only made when something has been waited for cannot be kept; make a \
             function that is not async and returns `impl Stream<Item = Result<T, E>>`, and wait in \
             the stream: `async_stream::try_stream! { … }`, or \
             `stream::once(async move { … }).try_flatten()`",
        ));
    }
    mistakes.len() == before
}

/// Types of the standard library that are no `Result` by whatever name; of others the compiler knows.
fn is_no_result(item: &Type) -> bool {
    const NAMES: [&str; 20] = [
        "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16",
        "u32", "u64", "u128", "usize", "String", "Option", "Vec", "Arc",
    ];
    match item {
        Type::Paren(inner) => is_no_result(&inner.elem),
        Type::Group(inner) => is_no_result(&inner.elem),
        Type::Path(path) => {
            let name = path.path.segments.last();
            name.is_some_and(|name| NAMES.iter().any(|known| name.ident == known))
        }
        Type::Reference(_) | Type::Tuple(_) | Type::Array(_) | Type::Slice(_) => true,
        _ => false,
    }
}

fn is_stream(function: &Function) -> bool {
    matches!(function.form, Form::Stream { .. })
}
