//! The names of the options, and what people write instead.

use proc_macro2::Ident;
use syn::Error;

pub(crate) const OPTIONS: [&str; 13] = [
    "kind", "op", "ttl", "cache_if", "unless", "skip", "key", "text", "version", "value", "shared",
    "local", "crate",
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

pub(crate) fn unknown_option(option: &Ident, name: &str) -> Error {
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
