//! What the annotated function looks like. Its body is never looked into further than to see
//! whether it is one async block, so a body that is still being written stays the user's.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{
    Attribute, FnArg, GenericArgument, Ident, Lifetime, Pat, PathArguments, ReceiverKind,
    ReturnType, Signature, Token, Type, TypeParamBound, TypePath, TypeReference, Visibility,
    WherePredicate, braced,
};

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
    fn of(input: &FnArg) -> Self {
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
                    Self::Bound(receiver.self_token.span, "&self".to_owned())
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

    fn spelled(ty: &Type) -> String {
        let spaced = ty.to_token_stream().to_string();
        spaced
            .replace("& ", "&")
            .replace(" <", "<")
            .replace("< ", "<")
            .replace(" >", ">")
            .replace(" ,", ",")
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
fn borrows(ty: &Type) -> bool {
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

/// How the function comes to its result.
pub(crate) enum Form {
    /// `async fn`.
    Async,
    /// A function whose body is one async block, boxed or not, and nothing else: what
    /// `#[async_trait]` writes.
    AsyncBlock(AsyncBlock),
    /// A function that returns a future, which its body makes in some other way.
    Future { is_boxed: bool },
    /// A function that returns a stream.
    Stream { is_boxed: bool },
    /// A function that returns its result itself.
    Sync,
}

/// `async move { … }`, or `Box::pin(async move { … })`.
pub(crate) struct AsyncBlock {
    /// The path of the call around the block, if there is one, and the place of its parentheses.
    pub(crate) boxed_by: Option<(TokenStream, Span)>,
    /// `async`.
    pub(crate) keyword: TokenTree,
    pub(crate) block: Group,
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

fn is_text(ty: &Type) -> bool {
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

impl Form {
    fn of(signature: &Signature, body: &TokenStream) -> Self {
        if signature.asyncness.is_some() {
            return Self::Async;
        }
        let ReturnType::Type(_, ty) = &signature.output else {
            return Self::Sync;
        };
        if let Some(Stream { is_boxed, .. }) = stream(ty) {
            return Self::Stream { is_boxed };
        }
        match future(ty) {
            None => Self::Sync,
            Some(Future { is_boxed, .. }) => match AsyncBlock::of(body) {
                Some(block) => Self::AsyncBlock(block),
                None => Self::Future { is_boxed },
            },
        }
    }
}

/// A future as the type of a function's result.
struct Future<'a> {
    output: &'a Type,
    is_boxed: bool,
}

/// `impl Future<Output = T>`, `Pin<Box<dyn Future<Output = T>>>` or `BoxFuture<'a, T>`: what
/// cannot be recognized by its name is no future to us.
fn future(ty: &Type) -> Option<Future<'_>> {
    let boxed = |output| Future {
        output,
        is_boxed: true,
    };
    match ty {
        Type::Paren(inner) => future(&inner.elem),
        Type::Group(inner) => future(&inner.elem),
        Type::ImplTrait(it) => it.bounds.iter().find_map(output).map(|output| Future {
            output,
            is_boxed: false,
        }),
        Type::Path(path) => match path.path.segments.last()?.ident.to_string().as_str() {
            "Pin" => match only_type(path)? {
                Type::Path(inner) if inner.path.segments.last()?.ident == "Box" => {
                    let Type::TraitObject(object) = only_type(inner)? else {
                        return None;
                    };
                    object.bounds.iter().find_map(output).map(boxed)
                }
                _ => None,
            },
            "BoxFuture" | "LocalBoxFuture" => only_type(path).map(boxed),
            _ => None,
        },
        _ => None,
    }
}

/// A stream as the type of a function's result.
pub(crate) struct Stream<'a> {
    pub(crate) item: &'a Type,
    pub(crate) is_boxed: bool,
    /// Whether it is written that it can be sent to another thread; one without a name need not say so.
    pub(crate) is_send: bool,
}

/// `impl Stream<Item = T>`, `Pin<Box<dyn Stream<Item = T>>>` or `BoxStream<'a, T>`.
pub(crate) fn stream(ty: &Type) -> Option<Stream<'_>> {
    match ty {
        Type::Paren(inner) => stream(&inner.elem),
        Type::Group(inner) => stream(&inner.elem),
        Type::ImplTrait(it) => it.bounds.iter().find_map(item).map(|item| Stream {
            item,
            is_boxed: false,
            is_send: true,
        }),
        Type::Path(path) => match path.path.segments.last()?.ident.to_string().as_str() {
            "Pin" => match only_type(path)? {
                Type::Path(inner) if inner.path.segments.last()?.ident == "Box" => {
                    let Type::TraitObject(object) = only_type(inner)? else {
                        return None;
                    };
                    object.bounds.iter().find_map(item).map(|item| Stream {
                        item,
                        is_boxed: true,
                        is_send: object.bounds.iter().any(is_send),
                    })
                }
                _ => None,
            },
            name @ ("BoxStream" | "LocalBoxStream") => only_type(path).map(|item| Stream {
                item,
                is_boxed: true,
                is_send: name == "BoxStream",
            }),
            _ => None,
        },
        _ => None,
    }
}

fn is_send(bound: &TypeParamBound) -> bool {
    matches!(bound, TypeParamBound::Trait(it)
        if it.path.segments.last().is_some_and(|name| name.ident == "Send"))
}

/// The `T` of a bound `Stream<Item = T>`.
fn item(bound: &TypeParamBound) -> Option<&Type> {
    associated(bound, |name| name == "Stream", "Item")
}

/// The first stream in a type.
pub(crate) fn stream_within(ty: &Type) -> Option<Type> {
    let mut find = FindStream(None);
    find.visit_type(ty);
    find.0
}

struct FindStream(Option<Type>);

impl<'ast> Visit<'ast> for FindStream {
    fn visit_type(&mut self, ty: &'ast Type) {
        if self.0.is_none() && stream(ty).is_some() {
            self.0 = Some(ty.clone());
        }
        syn::visit::visit_type(self, ty);
    }
}

/// The one type between the angle brackets at the end of a path.
fn only_type(path: &TypePath) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else {
        return None;
    };
    let mut types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    let only = types.next()?;
    types.next().is_none().then_some(only)
}

/// The `T` of a bound `Future<Output = T>`.
fn output(bound: &TypeParamBound) -> Option<&Type> {
    associated(bound, |name| name.ends_with("Future"), "Output")
}

/// The associated type of this name, of a trait that has such a name.
fn associated<'a>(
    bound: &'a TypeParamBound,
    is_meant: impl FnOnce(&str) -> bool,
    associated: &str,
) -> Option<&'a Type> {
    let TypeParamBound::Trait(bound) = bound else {
        return None;
    };
    let name = bound.path.segments.last()?;
    if !is_meant(&name.ident.to_string()) {
        return None;
    }
    let PathArguments::AngleBracketed(arguments) = &name.arguments else {
        return None;
    };
    let mut arguments = arguments.args.iter();
    arguments.find_map(|argument| match argument {
        GenericArgument::AssocType(it) if it.ident == associated => Some(&it.ty),
        _ => None,
    })
}

impl AsyncBlock {
    /// The block that a body consists of.
    fn of(body: &TokenStream) -> Option<Self> {
        let mut tokens: Vec<TokenTree> = body.clone().into_iter().collect();
        match tokens.pop()? {
            TokenTree::Group(block) if block.delimiter() == Delimiter::Brace => {
                let (keyword, rest) = tokens.split_first()?;
                let may_move = match rest {
                    [] => true,
                    [word] => is_word(word, "move"),
                    _ => false,
                };
                (is_word(keyword, "async") && may_move).then(|| Self {
                    boxed_by: None,
                    keyword: keyword.clone(),
                    block,
                })
            }
            TokenTree::Group(call) if call.delimiter() == Delimiter::Parenthesis => {
                let [.., boxed, first, second, pin] = tokens.as_slice() else {
                    return None;
                };
                let is_colon = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':');
                let names_a_box = is_word(boxed, "Box")
                    && is_colon(first)
                    && is_colon(second)
                    && is_word(pin, "pin");
                let is_path =
                    |token: &TokenTree| matches!(token, TokenTree::Ident(_)) || is_colon(token);
                if !names_a_box || !tokens.iter().all(is_path) {
                    return None;
                }
                let inner = Self::of(&call.stream()).filter(|inner| inner.boxed_by.is_none())?;
                Some(Self {
                    boxed_by: Some((tokens.into_iter().collect(), call.span())),
                    ..inner
                })
            }
            _ => None,
        }
    }
}

fn is_word(token: &TokenTree, expected: &str) -> bool {
    matches!(token, TokenTree::Ident(word) if word == expected)
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
