//! What the annotated function looks like.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
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

/// Where something begins and where it ends. The compiler joins the two, a macro cannot.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) first: Span,
    pub(crate) last: Span,
}

impl Ends {
    pub(crate) fn of(something: &impl ToTokens) -> Self {
        let mut tokens = something.to_token_stream().into_iter();
        let first = tokens.next();
        let last = tokens.last().or_else(|| first.clone());
        let span = |token: Option<TokenTree>| token.map_or_else(Span::call_site, |it| it.span());
        Self {
            first: span(first),
            last: span(last),
        }
    }
}

/// One name that a parameter binds.
pub(crate) struct Parameter {
    pub(crate) name: Ident,
    /// Place of the type, for errors about what it lacks.
    pub(crate) ty: Ends,
    /// Written as `&str`, `String` or `&String`.
    pub(crate) is_text: bool,
}

pub(crate) fn parse(item: TokenStream) -> syn::Result<Function> {
    let item: ItemFn =
        syn::parse2(item.clone()).map_err(|error| no_function(item).unwrap_or(error))?;
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
                function.bind(&typed.pat, Ends::of(&typed.ty), is_text);
            }
        }
    }
    Ok(function)
}

/// The words that tell an item from a function.
const OTHER_ITEMS: [&str; 12] = [
    "struct",
    "enum",
    "union",
    "trait",
    "impl",
    "mod",
    "type",
    "static",
    "use",
    "let",
    "macro_rules",
    "const",
];

/// What the item is, if it is no function or one without a body.
fn no_function(item: TokenStream) -> Option<Error> {
    let mut other = None;
    let mut tokens = item.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(word) if word == "fn" => {
                let name = tokens.next()?;
                let ends_early = tokens.last().is_some_and(
                    |last| matches!(last, TokenTree::Punct(last) if last.as_char() == ';'),
                );
                return ends_early.then(|| {
                    Error::new(
                        name.span(),
                        "a function without a body has nothing to keep; put `#[cached]` where \
                         the body is",
                    )
                });
            }
            TokenTree::Ident(word) if OTHER_ITEMS.iter().any(|other| word == other) => {
                other.get_or_insert(word);
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
            _ => {}
        }
    }
    Some(match other {
        Some(word) => {
            let article = if word == "impl" || word == "enum" {
                "an"
            } else {
                "a"
            };
            Error::new(
                word.span(),
                format!("`#[cached]` goes on an `async fn`, not on {article} `{word}`"),
            )
        }
        None => Error::new(
            Span::call_site(),
            "`#[cached]` goes on an `async fn`; this is no function",
        ),
    })
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

    fn bind(&mut self, pattern: &Pat, ty: Ends, is_text: bool) {
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

    fn bind_all<'a>(&mut self, patterns: impl Iterator<Item = &'a Pat>, ty: Ends) {
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
