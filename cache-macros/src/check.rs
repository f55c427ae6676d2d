//! What may not be, and what is meant.

use std::time::Duration;

use proc_macro2::Span;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::visit::{self, Visit};
use syn::{Error, Expr, ExprLit, GenericArgument, Ident, Lit, LitStr, PathArguments, Type};

use crate::attribute::{Options, closest, list};
use crate::signature::{Ends, Function};

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

/// What the key is made of.
pub(crate) enum Key {
    /// These parameters, in the order in which they are written.
    Parameters(Vec<KeyParameter>),
    /// An expression over the parameters.
    Expression(Expr),
    /// A template as it was written, and its texts and expressions in turn.
    Template(String, Vec<TemplatePart>),
}

pub(crate) struct KeyParameter {
    pub(crate) name: Ident,
    pub(crate) ty: Ends,
    pub(crate) role: Role,
}

/// What a parameter is in the key, in the order in which they are written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Other,
    /// The text of the operation.
    Text,
    /// The question to a language model.
    Question,
}

pub(crate) enum TemplatePart {
    Text(String),
    Hole(Box<Expr>),
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

fn check_skip(mistakes: &mut Vec<Error>, skip: &[Ident], function: &Function) {
    for (index, skipped) in skip.iter().enumerate() {
        if skip[..index].contains(skipped) {
            mistakes.push(Error::new(
                skipped.span(),
                format!("`{skipped}` is skipped twice; name it once"),
            ));
        } else if !is_parameter(skipped, function) {
            mistakes.push(no_such_parameter(skipped, function));
        }
    }
}

fn is_parameter(name: &Ident, function: &Function) -> bool {
    if name == "self" {
        return function.receiver.is_some();
    }
    function
        .parameters
        .iter()
        .any(|parameter| parameter.name.unraw() == *name)
}

fn no_such_parameter(name: &Ident, function: &Function) -> Error {
    let names: Vec<String> = function
        .receiver
        .iter()
        .map(|_| "self".to_owned())
        .chain(function.parameters.iter().map(|it| it.name.to_string()))
        .collect();
    let names = || names.iter().map(String::as_str);
    let hint = match closest(&name.to_string(), names()) {
        Some(meant) => format!("did you mean `{meant}`? "),
        None => String::new(),
    };
    let known = if names().next().is_some() {
        format!("the parameters are {}", list(names()))
    } else {
        "the function has none".to_owned()
    };
    Error::new(
        name.span(),
        format!("there is no parameter `{name}`; {hint}{known}"),
    )
}

fn parameters_as_key(
    mistakes: &mut Vec<Error>,
    kind: &str,
    skip: &[Ident],
    text: Option<&Ident>,
    function: &Function,
) -> Key {
    if let Some(receiver) = function.receiver
        && !skip.iter().any(|skipped| skipped == "self")
    {
        mistakes.push(Error::new(
            receiver,
            "does the result depend on `self`? if not, write `skip(self)`; if so, name what it \
             depends on: `key = (self.id, …)`",
        ));
    }
    for nameless in &function.nameless {
        mistakes.push(Error::new(
            *nameless,
            "a part of a parameter without a name can be neither in the key nor skipped; give it \
             a name, or say what the key is: `key = …`",
        ));
    }
    let text = match text {
        Some(named) => match check_text(named, skip, function) {
            Ok(()) => Some(named.clone()),
            Err(mistake) => {
                mistakes.push(mistake);
                None
            }
        },
        None => usual_text(kind, skip, function),
    };
    let mut parameters: Vec<KeyParameter> = function
        .parameters
        .iter()
        .filter(|parameter| !skip.contains(&parameter.name.unraw()))
        .map(|parameter| {
            let name = parameter.name.unraw();
            let role = if text.as_ref() == Some(&name) {
                Role::Text
            } else if kind == "ai" && name == QUESTION {
                Role::Question
            } else {
                Role::Other
            };
            KeyParameter {
                name: parameter.name.clone(),
                ty: parameter.ty,
                role,
            }
        })
        .collect();
    // The order of parameters does not count: who changes it keeps his entries.
    parameters.sort_by_key(|parameter| (parameter.role, parameter.name.unraw().to_string()));
    Key::Parameters(parameters)
}

/// The parameter that is the question, in the kind `ai`.
const QUESTION: &str = "question";

fn check_text(named: &Ident, skip: &[Ident], function: &Function) -> syn::Result<()> {
    let Some(parameter) = function
        .parameters
        .iter()
        .find(|it| it.name.unraw() == *named)
    else {
        return Err(no_such_parameter(named, function));
    };
    if skip.contains(named) {
        return Err(Error::new(
            named.span(),
            format!("`{named}` is skipped, so it cannot be the text of the operation"),
        ));
    }
    if !parameter.is_text {
        return Err(Error::new(
            named.span(),
            format!("`{named}` is no text; the text of an operation is a `&str` or a `String`"),
        ));
    }
    Ok(())
}

/// The parameter called `text`; for language models else the only one that is a text and not the
/// question.
fn usual_text(kind: &str, skip: &[Ident], function: &Function) -> Option<Ident> {
    let texts = function
        .parameters
        .iter()
        .filter(|parameter| parameter.is_text && !skip.contains(&parameter.name.unraw()));
    let called_text = texts.clone().find(|parameter| parameter.name == "text");
    let mut candidates =
        texts.filter(|parameter| kind == "ai" && parameter.name.unraw() != QUESTION);
    let only = match (candidates.next(), candidates.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    };
    called_text.or(only).map(|parameter| parameter.name.unraw())
}

fn explicit_key(key: Expr, place: Span) -> syn::Result<Key> {
    match &key {
        Expr::Lit(ExprLit {
            lit: Lit::Str(template),
            ..
        }) => parse_template(template),
        Expr::Lit(_) => Err(Error::new_spanned(
            &key,
            "this key is the same for every call; write an expression over the parameters",
        )),
        _ => {
            let mut awaits = FindAwait(None);
            awaits.visit_expr(&key);
            match awaits.0 {
                Some(span) => Err(Error::new(
                    span,
                    "a key cannot wait; compute it before the call and pass it as a parameter",
                )),
                None if matches!(key, Expr::Closure(_)) => Err(Error::new(
                    place,
                    "`key` takes an expression over the parameters, not a closure",
                )),
                None => Ok(Key::Expression(key)),
            }
        }
    }
}

struct FindAwait(Option<Span>);

impl<'ast> Visit<'ast> for FindAwait {
    fn visit_expr_await(&mut self, node: &'ast syn::ExprAwait) {
        self.0.get_or_insert(node.await_token.span);
        visit::visit_expr_await(self, node);
    }
}

/// `user:{id}`; `{{` and `}}` stand for braces.
fn parse_template(template: &LitStr) -> syn::Result<Key> {
    let text = template.value();
    let mistake = |message: &str| Error::new(template.span(), message);
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '{' | '}' if rest.next_if_eq(&character).is_some() => literal.push(character),
            '}' => return Err(mistake("this `}` closes nothing; write `}}` for a brace")),
            '{' => {
                let mut closed = false;
                let hole: String = rest
                    .by_ref()
                    .take_while(|next| {
                        closed = *next == '}';
                        !closed
                    })
                    .collect();
                if !closed {
                    return Err(mistake("this `{` is never closed; write `{{` for a brace"));
                }
                let expression = template.clone().parse_hole(&hole)?;
                if !literal.is_empty() {
                    parts.push(TemplatePart::Text(std::mem::take(&mut literal)));
                }
                parts.push(TemplatePart::Hole(Box::new(expression)));
            }
            other => literal.push(other),
        }
    }
    if !parts
        .iter()
        .any(|part| matches!(part, TemplatePart::Hole(_)))
    {
        return Err(mistake(
            "this key is the same for every call; name parameters in braces: `\"user:{id}\"`",
        ));
    }
    if !literal.is_empty() {
        parts.push(TemplatePart::Text(literal));
    }
    Ok(Key::Template(text, parts))
}

trait ParseHole {
    fn parse_hole(self, hole: &str) -> syn::Result<Expr>;
}

impl ParseHole for LitStr {
    fn parse_hole(self, hole: &str) -> syn::Result<Expr> {
        let place = self.span();
        let refused = || {
            Error::new(
                place,
                format!("`{{{hole}}}` is no expression over the parameters, such as `{{user.id}}`"),
            )
        };
        LitStr::new(hole, place)
            .parse::<Expr>()
            .map_err(|_| refused())
    }
}
