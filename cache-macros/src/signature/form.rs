//! How a function comes to its result.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use syn::visit::Visit;
use syn::{GenericArgument, PathArguments, ReturnType, Signature, Type, TypeParamBound, TypePath};

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

impl Form {
    pub(super) fn of(signature: &Signature, body: &TokenStream) -> Self {
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
pub(super) struct Future<'a> {
    pub(super) output: &'a Type,
    is_boxed: bool,
}

/// `impl Future<Output = T>`, `Pin<Box<dyn Future<Output = T>>>` or `BoxFuture<'a, T>`: what
/// cannot be recognized by its name is no future to us.
pub(super) fn future(ty: &Type) -> Option<Future<'_>> {
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
pub(super) fn only_type(path: &TypePath) -> Option<&Type> {
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
