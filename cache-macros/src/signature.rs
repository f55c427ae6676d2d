//! What the annotated function looks like.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Error, FnArg, Ident, ItemFn, Pat, ReturnType, Type, TypeReference};

/// An annotated function, with what the other stages want to know about it.
pub(crate) struct Function {
    pub(crate) item: ItemFn,
    /// Where `self` stands, if there is one.
    pub(crate) receiver: Option<Span>,
    /// Everything that the parameters bind, in order.
    pub(crate) parameters: Vec<Parameter>,
    /// Places of parameters that bind nothing (`_`).
    pub(crate) nameless: Vec<Span>,
}

/// One name that a parameter binds.
pub(crate) struct Parameter {
    pub(crate) name: Ident,
    /// Place of the type, for errors about what it lacks.
    pub(crate) ty: Span,
    /// Written as `&str`, `String` or `&String`.
    pub(crate) is_text: bool,
}

pub(crate) fn parse(item: TokenStream) -> syn::Result<Function> {
    let start = item.clone().into_iter().next();
    let item: ItemFn = syn::parse2(item.clone()).map_err(|error| {
        if looks_like_function(item) {
            error
        } else {
            let span = start.map_or_else(Span::call_site, |token| token.span());
            Error::new(
                span,
                "`#[cached]` goes on an `async fn`; this is no function",
            )
        }
    })?;
    let mut function = Function {
        receiver: None,
        parameters: Vec::new(),
        nameless: Vec::new(),
        item,
    };
    for input in function.item.sig.inputs.clone() {
        match input {
            FnArg::Receiver(receiver) => function.receiver = Some(receiver.self_token.span),
            FnArg::Typed(typed) => {
                let is_text = is_text(&typed.ty) && matches!(*typed.pat, Pat::Ident(_));
                function.bind(&typed.pat, typed.ty.span(), is_text);
            }
        }
    }
    Ok(function)
}

/// Whether the item has the word `fn` before its first braces.
fn looks_like_function(item: TokenStream) -> bool {
    item.into_iter()
        .take_while(|token| !matches!(token, TokenTree::Group(group) if group.delimiter() == proc_macro2::Delimiter::Brace))
        .any(|token| matches!(token, TokenTree::Ident(ident) if ident == "fn"))
}

impl Function {
    /// The type that the function returns, unless it returns nothing.
    pub(crate) fn returns(&self) -> Option<&Type> {
        match &self.item.sig.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => match &**ty {
                Type::Tuple(tuple) if tuple.elems.is_empty() => None,
                ty => Some(ty),
            },
        }
    }

    fn bind(&mut self, pattern: &Pat, ty: Span, is_text: bool) {
        match pattern {
            Pat::Ident(ident) => self.parameters.push(Parameter {
                name: ident.ident.clone(),
                ty,
                is_text,
            }),
            Pat::Wild(wild) => self.nameless.push(wild.span()),
            Pat::Tuple(tuple) => self.bind_all(tuple.elems.iter(), ty),
            Pat::TupleStruct(tuple) => self.bind_all(tuple.elems.iter(), ty),
            Pat::Slice(slice) => self.bind_all(slice.elems.iter(), ty),
            Pat::Struct(fields) => {
                if let Some(rest) = &fields.rest {
                    self.nameless.push(rest.span());
                }
                self.bind_all(fields.fields.iter().map(|field| &*field.pat), ty);
            }
            Pat::Reference(reference) => self.bind(&reference.pat, ty, false),
            Pat::Paren(inner) => self.bind(&inner.pat, ty, false),
            // What else a parameter may be (`..` in a tuple) leaves a part without a name.
            other => self.nameless.push(other.span()),
        }
    }

    fn bind_all<'a>(&mut self, patterns: impl Iterator<Item = &'a Pat>, ty: Span) {
        for pattern in patterns {
            self.bind(pattern, ty, false);
        }
    }
}

fn is_text(ty: &Type) -> bool {
    let ty = match ty {
        Type::Reference(TypeReference { elem, .. }) => elem,
        ty => ty,
    };
    matches!(
        ty.to_token_stream().to_string().as_str(),
        "str" | "String" | "std :: string :: String"
    )
}
