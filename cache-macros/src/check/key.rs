//! What the key is made of: parameters, an expression or a template.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::visit::{self, Visit};
use syn::{Attribute, Error, Expr, ExprLit, Ident, Lit, LitStr};

use crate::signature::{Ends, Function, Parameter};
use crate::vocabulary::{closest, list};

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
    /// Under which the parameter exists.
    pub(crate) conditions: Vec<Attribute>,
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

pub(super) fn check_skip(mistakes: &mut Vec<Error>, skip: &[Ident], function: &Function) {
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

pub(super) fn parameters_as_key(
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
            } else if kind == "ai" && name == QUESTION && parameter.conditions.is_empty() {
                Role::Question
            } else {
                Role::Other
            };
            KeyParameter {
                name: parameter.name.clone(),
                ty: parameter.ty,
                role,
                conditions: parameter.conditions.clone(),
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
    if !parameter.conditions.is_empty() {
        return Err(Error::new(
            named.span(),
            format!("`{named}` is not always there, so it cannot be the text of the operation"),
        ));
    }
    Ok(())
}

/// The parameter called `text`; for language models else the only one that is a text and not the
/// question.
fn usual_text(kind: &str, skip: &[Ident], function: &Function) -> Option<Ident> {
    let may_be_it = |parameter: &&Parameter| {
        let is_skipped = skip.contains(&parameter.name.unraw());
        parameter.is_text && parameter.conditions.is_empty() && !is_skipped
    };
    let texts = function.parameters.iter().filter(may_be_it);
    let called_text = texts.clone().find(|parameter| parameter.name == "text");
    let mut candidates =
        texts.filter(|parameter| kind == "ai" && parameter.name.unraw() != QUESTION);
    let only = match (candidates.next(), candidates.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    };
    called_text.or(only).map(|parameter| parameter.name.unraw())
}

pub(super) fn explicit_key(key: Expr, place: Span) -> syn::Result<Key> {
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
