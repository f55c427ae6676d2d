//! What the key is made of, where the parameters are it.

use quote::quote;
use syn::ext::IdentExt;
use syn::{Attribute, Error, Expr, Ident};

use crate::signature::{Ends, Function, Parameter};
use crate::vocabulary::{closest, did_you_mean, list};

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
    /// In the way of its type, and not as serde shows it.
    pub(crate) is_options: bool,
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

/// The parameters that the attribute names.
pub(super) struct Named<'a> {
    pub(super) skip: &'a [Ident],
    pub(super) text: Option<&'a Ident>,
    pub(super) options: Option<&'a Ident>,
}

pub(crate) enum TemplatePart {
    Text(String),
    Hole(Box<Expr>),
}

/// Whether there is nothing to say against it.
pub(super) fn check_skip(mistakes: &mut Vec<Error>, skip: &[Ident], function: &Function) -> bool {
    let before = mistakes.len();
    for (index, skipped) in skip.iter().enumerate() {
        if skip[..index].contains(skipped) {
            mistakes.push(Error::new(
                skipped.span(),
                format!("`{skipped}` is skipped twice; name it once"),
            ));
        } else if !is_parameter(skipped, function) {
            mistakes.push(no_such_parameter(skipped, function));
        } else if is_ambiguous(skipped, function) {
            mistakes.push(ambiguous(skipped));
        }
    }
    mistakes.len() == before
}

/// Whether several parameters have this name: a macro can write such a function, and only the
/// compiler can tell which of them is meant.
fn is_ambiguous(name: &Ident, function: &Function) -> bool {
    let unconditional = function
        .parameters
        .iter()
        .filter(|parameter| parameter.conditions.is_empty());
    unconditional.filter(|it| it.name.unraw() == *name).count() > 1
}

fn ambiguous(name: &Ident) -> Error {
    Error::new(
        name.span(),
        format!("several parameters are called `{name}`; give them different names"),
    )
}

/// Whether there are parameters and `skip` leaves none of them.
fn skips_everything(skip: &[Ident], function: &Function) -> bool {
    let mut names = function.parameters.iter().map(|it| it.name.unraw());
    let has_some = function.receiver.is_some() || !function.parameters.is_empty();
    has_some
        && function.nameless.is_empty()
        && (function.receiver.is_none() || skip.iter().any(|skipped| skipped == "self"))
        && names.all(|name| skip.contains(&name))
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

pub(super) fn no_such_parameter(name: &Ident, function: &Function) -> Error {
    let names: Vec<String> = function
        .receiver
        .iter()
        .map(|_| "self".to_owned())
        .chain(function.parameters.iter().map(|it| it.name.to_string()))
        .collect();
    let names = || names.iter().map(String::as_str);
    let hint = did_you_mean(closest(&name.to_string(), names()));
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

/// What is said of parameters that are neither in the key nor skipped.
pub(super) fn check_parameters(mistakes: &mut Vec<Error>, skip: &[Ident], function: &Function) {
    if skips_everything(skip, function) {
        mistakes.push(Error::new_spanned(
            quote!(#(#skip)*),
            "every parameter is skipped, so all calls would get one answer; if that is meant, \
             write `key = ()`",
        ));
    }
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
}

pub(super) fn parameters_as_key(
    mistakes: &mut Vec<Error>,
    kind: &str,
    named: &Named<'_>,
    function: &Function,
) -> Key {
    let Named {
        skip,
        text,
        options,
    } = *named;
    let checked = options.map(|options| check_options(options, named, function));
    mistakes.extend(checked.and_then(Result::err));
    let text = match text {
        Some(named) => match check_text(named, skip, function) {
            Ok(()) => Some(named.clone()),
            Err(mistake) => {
                mistakes.push(mistake);
                None
            }
        },
        None => usual_text(kind, named, function),
    };
    let mut parameters: Vec<KeyParameter> = function
        .parameters
        .iter()
        .filter(|parameter| !skip.contains(&parameter.name.unraw()))
        .map(|parameter| {
            let name = parameter.name.unraw();
            let is_options = options == Some(&name);
            let role = if text.as_ref() == Some(&name) {
                Role::Text
            } else if is_options {
                Role::Other
            } else if kind == "ai" && name == QUESTION && parameter.conditions.is_empty() {
                Role::Question
            } else {
                Role::Other
            };
            KeyParameter {
                name: parameter.name.clone(),
                ty: parameter.ty,
                role,
                is_options,
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

fn check_options(options: &Ident, named: &Named<'_>, function: &Function) -> syn::Result<()> {
    if !is_parameter(options, function) {
        return Err(no_such_parameter(options, function));
    }
    let problem = if is_ambiguous(options, function) {
        return Err(ambiguous(options));
    } else if options == "self" {
        "`self` cannot be the options; write `key = (larder::Options::in_key(&self.options), …)`"
            .to_owned()
    } else if named.skip.contains(options) {
        format!("`{options}` is skipped, so its fields cannot be in the key; remove one of the two")
    } else if named.text == Some(options) {
        format!("`{options}` is the text of the operation, so it cannot be the options too")
    } else {
        return Ok(());
    };
    Err(Error::new(options.span(), problem))
}

fn check_text(named: &Ident, skip: &[Ident], function: &Function) -> syn::Result<()> {
    let Some(parameter) = function
        .parameters
        .iter()
        .find(|it| it.name.unraw() == *named)
    else {
        return Err(no_such_parameter(named, function));
    };
    if is_ambiguous(named, function) {
        return Err(ambiguous(named));
    }
    if skip.contains(named) {
        return Err(Error::new(
            named.span(),
            format!("`{named}` is skipped, so it cannot be the text of the operation"),
        ));
    }
    if !parameter.is_text {
        return Err(Error::new(
            named.span(),
            format!(
                "`{named}` is no text; the text of an operation is a `&str`, a `String` or an `Arc<str>`"
            ),
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
fn usual_text(kind: &str, named: &Named<'_>, function: &Function) -> Option<Ident> {
    let may_be_it = |parameter: &&Parameter| {
        let name = parameter.name.unraw();
        let is_another = named.skip.contains(&name) || named.options == Some(&name);
        parameter.is_text && parameter.conditions.is_empty() && !is_another
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
