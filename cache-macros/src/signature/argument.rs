//! What an argument lends to the body.

use proc_macro2::{Ident, Span};
use quote::ToTokens;
use syn::visit::Visit;
use syn::{Attribute, FnArg, Lifetime, Pat, ReceiverKind, Token, Type, TypeReference};

use super::Ends;
use super::form::only_type;

/// One argument, for a body that may outlive it.
pub(crate) enum Argument {
    /// It has nothing of its caller's.
    Owned,
    Borrowed(Box<Borrowed>),
    /// It borrows something that a macro cannot make a copy of: its place, and how it is written.
    Bound(Span, String),
}

/// An argument that is a reference, or an optional one.
pub(crate) struct Borrowed {
    pub(crate) name: Ident,
    pub(crate) mutability: Option<Token![mut]>,
    /// What is referred to.
    pub(crate) ty: Type,
    pub(crate) is_optional: bool,
    /// Under which it exists.
    pub(crate) conditions: Vec<Attribute>,
}

impl Argument {
    pub(super) fn of(input: &FnArg) -> Self {
        let (ty, pattern, attributes) = match input {
            FnArg::Receiver(receiver) => {
                let is_owned = match &receiver.kind {
                    ReceiverKind::Value => true,
                    ReceiverKind::Typed(_, ty) => !borrows(ty),
                    _ => false,
                };
                return if is_owned {
                    Self::Owned
                } else {
                    Self::Bound(receiver.self_token.span, Self::spelled(receiver))
                };
            }
            FnArg::Typed(typed) => (&*typed.ty, &*typed.pat, &typed.attrs),
        };
        let conditions = attributes.iter().filter(|it| it.path().is_ident("cfg"));
        let borrowed = |ident: &syn::PatIdent, ty: &Type, is_optional| {
            Self::Borrowed(Box::new(Borrowed {
                name: ident.ident.clone(),
                mutability: ident.mutability,
                ty: ty.clone(),
                is_optional,
                conditions: conditions.clone().cloned().collect(),
            }))
        };
        let bound = || Self::Bound(Ends::of(ty).first, Self::spelled(ty));
        match (ungrouped(ty), pattern) {
            (ty, _) if !borrows(ty) => Self::Owned,
            (Type::Reference(reference), Pat::Ident(ident))
                if reference.mutability.is_none() && has_copies(&reference.elem) =>
            {
                borrowed(ident, &reference.elem, false)
            }
            // What such a pattern binds is copied out.
            (Type::Reference(reference), Pat::Reference(_))
                if reference.mutability.is_none() && !borrows(&reference.elem) =>
            {
                Self::Owned
            }
            (Type::Path(path), Pat::Ident(ident))
                if path
                    .path
                    .segments
                    .last()
                    .is_some_and(|it| it.ident == "Option") =>
            {
                match only_type(path) {
                    Some(Type::Reference(reference))
                        if reference.mutability.is_none() && has_copies(&reference.elem) =>
                    {
                        borrowed(ident, &reference.elem, true)
                    }
                    _ => bound(),
                }
            }
            _ => bound(),
        }
    }

    fn spelled(written: &impl ToTokens) -> String {
        let spaced = written.to_token_stream().to_string();
        spaced
            .replace("& ", "&")
            .replace(" <", "<")
            .replace("< ", "<")
            .replace(" >", ">")
            .replace(" ,", ",")
            .replace(" :", ":")
    }
}

/// Whether what is referred to may have copies, as far as that is written.
fn has_copies(ty: &Type) -> bool {
    let is_nameless = matches!(ungrouped(ty), Type::TraitObject(_) | Type::ImplTrait(_));
    !is_nameless && !borrows(ty)
}

fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Paren(inner) => ungrouped(&inner.elem),
        Type::Group(inner) => ungrouped(&inner.elem),
        ty => ty,
    }
}

/// Whether a type has a reference or a lifetime in it that is not `'static`, as far as that is
/// written.
pub(super) fn borrows(ty: &Type) -> bool {
    let mut find = FindBorrow(false);
    find.visit_type(ty);
    find.0
}

struct FindBorrow(bool);

impl<'ast> Visit<'ast> for FindBorrow {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        self.0 |= reference.lifetime.is_none();
        syn::visit::visit_type_reference(self, reference);
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        self.0 |= lifetime.ident != "static";
    }
}
