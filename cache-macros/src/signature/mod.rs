//! What the annotated function looks like. Its body is never looked into further than to see
//! whether it is one async block, so a body that is still being written stays the user's.

mod argument;
mod form;
mod text;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{
    Attribute, FnArg, Pat, ReturnType, Signature, Type, TypeParamBound, TypeReference, Visibility,
    WherePredicate, braced,
};

use argument::borrows;
pub(crate) use argument::{Argument, Borrowed};
use form::future;
pub(crate) use form::{AsyncBlock, Form, stream, stream_within};
use text::is_text;

/// An annotated function, with what the other stages want to know about it.
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    /// The attributes at the beginning of the body.
    pub(crate) inner_attributes: Vec<Attribute>,
    /// Everything else in the braces of the body.
    pub(crate) body: TokenStream,
    /// Place of those braces.
    pub(crate) braces: Span,
    /// Where `self` stands, if there is one.
    pub(crate) receiver: Option<Span>,
    /// Everything in the parentheses, in order.
    pub(crate) arguments: Vec<Argument>,
    /// Everything that the parameters bind, in order.
    pub(crate) parameters: Vec<Parameter>,
    /// Places of parameters that bind nothing (`_`).
    pub(crate) nameless: Vec<Span>,
    pub(crate) form: Form,
}

/// Where something begins and where it ends. The compiler joins the two, a macro cannot.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) first: Span,
    pub(crate) last: Span,
}

impl Ends {
    /// Of the type of an argument. The compiler does not join those of a reference, and shows the
    /// last one alone, so that is the name of what is referred to.
    fn of_argument(ty: &Type) -> Self {
        let ends = Self::of(ty);
        match ty {
            Type::Reference(TypeReference { elem, .. }) => match &**elem {
                Type::Path(path) => Self {
                    last: path
                        .path
                        .segments
                        .last()
                        .map_or(ends.last, |name| name.ident.span()),
                    ..ends
                },
                _ => ends,
            },
            _ => ends,
        }
    }

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
    /// Written as a type that derefs to `str`, or a reference to one.
    pub(crate) is_text: bool,
    /// Under which the parameter exists.
    pub(crate) conditions: Vec<Attribute>,
}

fn words(tokens: TokenStream) -> Vec<Ident> {
    let words = tokens.into_iter().flat_map(|token| match token {
        TokenTree::Ident(word) => vec![word],
        TokenTree::Group(group) => words(group.stream()),
        _ => Vec::new(),
    });
    words.collect()
}

/// Takes a function apart. Its result and its parameters are looked at, not its body.
pub(crate) fn parse(item: TokenStream) -> syn::Result<Function> {
    (|input: ParseStream<'_>| {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature: Signature = input.parse()?;
        let body;
        let braces = braced!(body in input);
        let inner_attributes = body.call(Attribute::parse_inner)?;
        let body: TokenStream = body.parse()?;
        let mut function = Function {
            attributes,
            visibility,
            form: Form::of(&signature, &body),
            inner_attributes,
            body,
            braces: braces.span.join(),
            receiver: None,
            arguments: signature.inputs.iter().map(Argument::of).collect(),
            parameters: Vec::new(),
            nameless: Vec::new(),
            signature,
        };
        function.take_parameters();
        Ok(function)
    })
    .parse2(item)
}

impl Function {
    /// The type of the result, unless it is nothing: of a function that returns a future, what
    /// that resolves to; of one that returns a stream, that of its items.
    pub(crate) fn returns(&self) -> Option<&Type> {
        let ReturnType::Type(_, ty) = &self.signature.output else {
            return None;
        };
        let ty = match self.form {
            Form::Async | Form::Sync => Some(&**ty),
            Form::AsyncBlock(_) | Form::Future { .. } => future(ty).map(|future| future.output),
            Form::Stream { .. } => stream(ty).map(|stream| stream.item),
        };
        ty.filter(|ty| !matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty()))
    }

    /// Whether a type is made of something that may live for a shorter time than for ever, as far as
    /// that is written.
    pub(crate) fn may_borrow(&self, ty: &Type) -> bool {
        let generics = &self.signature.generics;
        let mut parameters = generics.type_params().map(|parameter| &parameter.ident);
        let words = words(ty.to_token_stream());
        borrows(ty) || parameters.any(|name| words.contains(name) && !self.is_static(name))
    }

    /// Whether a type parameter is bound to be `'static`.
    fn is_static(&self, name: &Ident) -> bool {
        let generics = &self.signature.generics;
        let is_static = |bound: &TypeParamBound| matches!(bound, TypeParamBound::Lifetime(it) if it.ident == "static");
        let mut inline = generics.type_params().filter(|it| it.ident == *name);
        let clauses = generics.where_clause.iter().flat_map(|it| &it.predicates);
        let mut clauses = clauses.filter_map(|clause| match clause {
            WherePredicate::Type(clause) => Some(clause),
            _ => None,
        });
        inline.any(|it| it.bounds.iter().any(is_static))
            || clauses.any(|it| {
                matches!(&it.bounded_ty, Type::Path(path) if path.path.is_ident(name))
                    && it.bounds.iter().any(is_static)
            })
    }

    fn take_parameters(&mut self) {
        for input in self.signature.inputs.clone() {
            match input {
                FnArg::Receiver(receiver) => self.receiver = Some(receiver.self_token.span),
                FnArg::Typed(typed) => {
                    let bound = self.parameters.len();
                    let is_text = is_text(&typed.ty) && matches!(*typed.pat, Pat::Ident(_));
                    self.bind(&typed.pat, Ends::of_argument(&typed.ty), is_text);
                    let conditions = typed.attrs.iter().filter(|it| it.path().is_ident("cfg"));
                    let conditions: Vec<Attribute> = conditions.cloned().collect();
                    for parameter in &mut self.parameters[bound..] {
                        parameter.conditions.clone_from(&conditions);
                    }
                }
            }
        }
    }

    fn bind(&mut self, pattern: &Pat, ty: Ends, is_text: bool) {
        match pattern {
            Pat::Ident(ident) => self.parameters.push(Parameter {
                name: ident.ident.clone(),
                ty,
                is_text,
                conditions: Vec::new(),
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
