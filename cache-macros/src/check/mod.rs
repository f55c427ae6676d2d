//! What may not be, and what is meant.

mod key;

use std::time::Duration;

use quote::ToTokens;
use syn::visit::Visit;
use syn::{Error, GenericArgument, LitStr, PathArguments, Type};

use crate::attribute::Options;
use crate::signature::Function;

pub(crate) use key::{Key, KeyParameter, Role, TemplatePart};
use key::{check_skip, explicit_key, parameters_as_key};

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// An attribute that fits its function.
pub(crate) struct Checked {
    pub(crate) kind: String,
    pub(crate) op: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) shared: bool,
    pub(crate) ttl: Option<Duration>,
    pub(crate) key: Key,
}

pub(crate) fn check(options: Options, function: &Function) -> syn::Result<Checked> {
    let mut mistakes = options.mistakes;
    check_function(&mut mistakes, function);

    let kind = options.kind.as_ref().map_or("web".to_owned(), |kind| {
        not_empty(&mut mistakes, "kind", kind)
    });
    let op = options
        .op
        .as_ref()
        .map(|op| not_empty(&mut mistakes, "op", op));
    let version = options
        .version
        .as_ref()
        .map(|version| not_empty(&mut mistakes, "version", version));
    let ttl = options.ttl.and_then(|ttl| {
        lifetime(&ttl)
            .map_err(|mistake| mistakes.push(mistake))
            .ok()
    });
    check_skip(&mut mistakes, &options.skip, function);
    let key = match options.key {
        Some((place, key)) => {
            if let Some(skipped) = options.skip.first() {
                mistakes.push(Error::new(
                    skipped.span(),
                    "`skip` has no meaning beside `key`, which already says what is in the key; \
                     remove one of them",
                ));
            }
            if let Some(text) = &options.text {
                mistakes.push(Error::new(
                    text.span(),
                    "`text` has no meaning beside `key`; remove one of them",
                ));
            }
            explicit_key(key, place).unwrap_or_else(|mistake| {
                mistakes.push(mistake);
                Key::Parameters(Vec::new())
            })
        }
        None => parameters_as_key(
            &mut mistakes,
            &kind,
            &options.skip,
            options.text.as_ref(),
            function,
        ),
    };

    match mistakes.into_iter().reduce(|mut all, mistake| {
        all.combine(mistake);
        all
    }) {
        Some(mistakes) => Err(mistakes),
        None => Ok(Checked {
            kind,
            op,
            version,
            shared: options.shared,
            ttl,
            key,
        }),
    }
}

fn check_function(mistakes: &mut Vec<Error>, function: &Function) {
    let signature = &function.item.sig;
    if signature.asyncness.is_none() {
        mistakes.push(Error::new(
            signature.fn_token.span,
            "`#[cached]` needs an `async fn`; make it `async`, or call `get_or_compute` of \
             `larder::cache(kind)` in it",
        ));
    }
    let Some(returns) = function.returns() else {
        mistakes.push(Error::new(
            signature.ident.span(),
            "a function that returns nothing has nothing to keep; remove `#[cached]` or return a \
             value",
        ));
        return;
    };
    let mut nameless = FindNameless(None);
    nameless.visit_type(returns);
    if let Some(nameless) = nameless.0 {
        mistakes.push(Error::new_spanned(
            nameless,
            "a cache cannot keep a value of a type without a name; return a named type",
        ));
        return;
    }
    if let Some(borrowed) = borrowed(returns) {
        mistakes.push(Error::new_spanned(
            borrowed,
            "a cache cannot keep a borrowed value; return an owned one, such as `String` for \
             `&str`",
        ));
        return;
    }
    match returns {
        Type::Never(_) => mistakes.push(Error::new_spanned(
            returns,
            "a function that never returns has nothing to keep; remove `#[cached]`",
        )),
        Type::Path(path) => {
            if let Some(name) = generic_name(path, signature) {
                mistakes.push(Error::new_spanned(
                    returns,
                    format!(
                        "`{name}` may turn out to be a `Result` or an `Option`, of which only a \
                         part is kept; say which: return `Result<{name}, E>`, `Option<{name}>` or \
                         a concrete type"
                    ),
                ));
            }
        }
        _ => {}
    }
}

/// The first `impl Trait` in a type.
struct FindNameless(Option<syn::TypeImplTrait>);

impl<'ast> Visit<'ast> for FindNameless {
    fn visit_type_impl_trait(&mut self, node: &'ast syn::TypeImplTrait) {
        self.0.get_or_insert_with(|| node.clone());
    }
}

/// The part of a type that would be kept and is a reference, as far as that can be seen without
/// knowing what the names stand for: the error of a `Result` may well be borrowed.
fn borrowed(ty: &Type) -> Option<&Type> {
    match ty {
        Type::Reference(reference) => (!is_static(reference)).then_some(ty),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(borrowed),
        Type::Path(path) => {
            let outer = path.path.segments.last()?;
            let is_known = ["Result", "Option", "Vec"]
                .iter()
                .any(|known| outer.ident == known);
            match &outer.arguments {
                PathArguments::AngleBracketed(arguments) if is_known => {
                    match arguments.args.first()? {
                        GenericArgument::Type(inner) => borrowed(inner),
                        _ => None,
                    }
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn is_static(reference: &syn::TypeReference) -> bool {
    reference
        .lifetime
        .as_ref()
        .is_some_and(|lifetime| lifetime.ident == "static")
}

/// The type as it is written, where only its user knows what it stands for: a type parameter of the
/// function, or an associated type.
fn generic_name(path: &syn::TypePath, signature: &syn::Signature) -> Option<String> {
    let first = &path.path.segments.first()?.ident;
    let is_parameter = signature
        .generics
        .type_params()
        .any(|parameter| parameter.ident == *first);
    let is_projected = path.qself.is_some() || (first == "Self" && path.path.segments.len() > 1);
    (is_parameter || is_projected).then(|| {
        let spaced = path.to_token_stream().to_string();
        spaced
            .replace(" :: ", "::")
            .replace("< ", "<")
            .replace(" >", ">")
    })
}

fn not_empty(mistakes: &mut Vec<Error>, option: &str, text: &LitStr) -> String {
    let value = text.value();
    if value.trim().is_empty() {
        mistakes.push(Error::new(
            text.span(),
            format!("`{option}` is empty; name one, or leave it out"),
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
