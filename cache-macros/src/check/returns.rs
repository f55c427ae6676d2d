//! What the function returns, as far as its name tells whether it can be kept.

use quote::ToTokens;
use syn::visit::Visit;
use syn::{Error, GenericArgument, Lifetime, PathArguments, Signature, Type};

use super::stream::check_stream;
use crate::signature::{Form, Function};

pub(super) fn check_returns(
    mistakes: &mut Vec<Error>,
    is_plain: bool,
    is_local: bool,
    function: &Function,
) {
    let Some(returns) = function.returns() else {
        mistakes.push(Error::new(
            function.signature.ident.span(),
            "a function that returns nothing has nothing to keep; remove `#[cached]` or return a \
             value",
        ));
        return;
    };
    if !check_stream(mistakes, returns, function) {
        return;
    }
    if let Some(nameless) = nameless(returns) {
        mistakes.push(Error::new_spanned(
            nameless,
            "a cache cannot keep a value of a type without a name; return a named type",
        ));
        return;
    }
    if let Some(borrowed) = borrowed(returns, is_local) {
        let message = if is_static_reference(borrowed) {
            "what is read from a store is owned; return an owned value, such as `String` for \
             `&'static str`, or write `local` to keep the answers in memory alone"
        } else {
            "a cache cannot keep a borrowed value; return an owned one, such as `String` for `&str`"
        };
        mistakes.push(Error::new_spanned(borrowed, message));
        return;
    }
    match returns {
        Type::Never(_) => mistakes.push(Error::new_spanned(
            returns,
            "a function that never returns has nothing to keep; remove `#[cached]`",
        )),
        // The items of a stream are asked for their own type.
        Type::Path(path) if !is_plain && !matches!(function.form, Form::Stream { .. }) => {
            if let Some(name) = generic_name(path, &function.signature) {
                mistakes.push(Error::new_spanned(
                    returns,
                    format!(
                        "`{name}` may turn out to be a `Result` or an `Option`, of which only a \
                         part is kept; return `Result<{name}, E>`, `Option<{name}>` or a concrete \
                         type, or write `value = plain` to keep it whatever it is"
                    ),
                ));
            }
        }
        _ => {}
    }
}

/// The first `impl Trait` in a type.
pub(super) fn nameless(ty: &Type) -> Option<syn::TypeImplTrait> {
    let mut nameless = FindNameless(None);
    nameless.visit_type(ty);
    nameless.0
}

struct FindNameless(Option<syn::TypeImplTrait>);

impl<'ast> Visit<'ast> for FindNameless {
    fn visit_type_impl_trait(&mut self, node: &'ast syn::TypeImplTrait) {
        self.0.get_or_insert_with(|| node.clone());
    }
}

/// The part of a type that would be kept and borrows something, as far as that can be seen without
/// knowing what the names stand for: the error of a `Result`, whatever it is called, may well be
/// borrowed. Memory keeps what is borrowed for ever as well.
fn borrowed(ty: &Type, is_local: bool) -> Option<&Type> {
    match ty {
        Type::Reference(_) => (!is_local || !is_static_reference(ty)).then_some(ty),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(|it| borrowed(it, is_local)),
        Type::Array(array) => borrowed(&array.elem, is_local),
        Type::Paren(inner) => borrowed(&inner.elem, is_local),
        Type::Group(inner) => borrowed(&inner.elem, is_local),
        Type::Path(path) => {
            let outer = path.path.segments.last()?;
            let PathArguments::AngleBracketed(arguments) = &outer.arguments else {
                return None;
            };
            let mut types = arguments.args.iter().filter_map(|argument| match argument {
                GenericArgument::Type(inner) => Some(inner),
                _ => None,
            });
            if outer.ident.to_string().ends_with("Result") {
                return borrowed(types.next()?, is_local);
            }
            let borrows = arguments.args.iter().any(|argument| {
                matches!(argument, GenericArgument::Lifetime(lifetime) if !is_static(lifetime))
            });
            if borrows {
                Some(ty)
            } else {
                types.find_map(|it| borrowed(it, is_local))
            }
        }
        _ => None,
    }
}

fn is_static_reference(ty: &Type) -> bool {
    matches!(ty, Type::Reference(reference) if reference.lifetime.as_ref().is_some_and(is_static))
}

fn is_static(lifetime: &Lifetime) -> bool {
    lifetime.ident == "static"
}

/// The type as it is written, where only its user knows what it stands for: a type parameter of the
/// function, or an associated type.
fn generic_name(path: &syn::TypePath, signature: &Signature) -> Option<String> {
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
