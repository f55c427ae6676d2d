//! What the function returns, as far as its name tells whether it can be kept.

use quote::ToTokens;
use syn::visit::Visit;
use syn::{Error, GenericArgument, Lifetime, PathArguments, Signature, Type};

use crate::signature::Function;

pub(super) fn check_returns(mistakes: &mut Vec<Error>, is_plain: bool, function: &Function) {
    let Some(returns) = function.returns() else {
        mistakes.push(Error::new(
            function.signature.ident.span(),
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
        Type::Path(path) if !is_plain => {
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
struct FindNameless(Option<syn::TypeImplTrait>);

impl<'ast> Visit<'ast> for FindNameless {
    fn visit_type_impl_trait(&mut self, node: &'ast syn::TypeImplTrait) {
        self.0.get_or_insert_with(|| node.clone());
    }
}

/// The part of a type that would be kept and borrows something, as far as that can be seen without
/// knowing what the names stand for: the error of a `Result`, whatever it is called, may well be
/// borrowed.
fn borrowed(ty: &Type) -> Option<&Type> {
    match ty {
        Type::Reference(reference) => {
            let is_static = reference.lifetime.as_ref().is_some_and(is_static);
            (!is_static).then_some(ty)
        }
        Type::Tuple(tuple) => tuple.elems.iter().find_map(borrowed),
        Type::Array(array) => borrowed(&array.elem),
        Type::Paren(inner) => borrowed(&inner.elem),
        Type::Group(inner) => borrowed(&inner.elem),
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
                return borrowed(types.next()?);
            }
            let borrows = arguments.args.iter().any(|argument| {
                matches!(argument, GenericArgument::Lifetime(lifetime) if !is_static(lifetime))
            });
            if borrows {
                Some(ty)
            } else {
                types.find_map(borrowed)
            }
        }
        _ => None,
    }
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
