//! Which parameters are texts.

use syn::{Type, TypeReference};

use super::form::only_type;

/// Whether this is written as a type that derefs to `str`, or a reference to one.
pub(super) fn is_text(ty: &Type) -> bool {
    let ty = match ty {
        Type::Reference(TypeReference { elem, .. }) => elem,
        ty => ty,
    };
    let Type::Path(path) = ty else {
        return false;
    };
    let segments = path.path.segments.iter();
    let names: Vec<_> = segments.map(|it| it.ident.to_string()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let names = match names.as_slice() {
        ["std" | "alloc", of_std @ ..] => of_std,
        imported => imported,
    };
    match names {
        ["str" | "String"] | ["string", "String"] => true,
        ["Arc" | "Rc" | "Box" | "Cow"]
        | ["sync", "Arc"]
        | ["rc", "Rc"]
        | ["boxed", "Box"]
        | ["borrow", "Cow"] => {
            matches!(only_type(path), Some(Type::Path(inner)) if inner.path.is_ident("str"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_known_by_their_names() -> syn::Result<()> {
        for (ty, expected) in [
            ("&str", true),
            ("&'a mut str", true),
            ("String", true),
            ("&std::string::String", true),
            ("::alloc::string::String", true),
            ("Arc<str>", true),
            ("&std::sync::Arc<str>", true),
            ("Rc<str>", true),
            ("Box<str>", true),
            ("Cow<'_, str>", true),
            ("std::borrow::Cow<'static, str>", true),
            ("Arc<String>", false),
            ("Box<[u8]>", false),
            ("Option<&str>", false),
            ("&&str", false),
            ("std::Arc", false),
            ("mine::String", false),
            ("mine::Arc<str>", false),
            ("[String]", false),
        ] {
            assert_eq!(is_text(&syn::parse_str(ty)?), expected, "{ty}");
        }
        Ok(())
    }
}
