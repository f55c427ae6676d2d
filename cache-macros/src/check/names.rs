//! Names in expressions of the attribute.

use syn::ext::IdentExt;
use syn::visit::{self, Visit};
use syn::{Expr, Ident};

use super::key::{Key, TemplatePart};
use crate::signature::{Argument, Function};

/// Whether a key takes something from this parameter.
pub(super) fn names(key: &Key, parameter: &Ident) -> bool {
    let is_named = |expression: &Expr| {
        let names = Names::of(expression);
        let mut all = names.values.iter().chain(&names.given);
        all.any(|name| name.unraw() == *parameter)
    };
    match key {
        Key::Parameters(_) => false,
        Key::Expression(expression) => is_named(expression),
        Key::Template(_, parts) => parts.iter().any(|part| match part {
            TemplatePart::Text(_) => false,
            TemplatePart::Hole(hole) => is_named(hole),
        }),
    }
}

/// The first parameter of the function, or its `self`, that an expression takes something from.
pub(super) fn parameter_in<'a>(expression: &'a Expr, function: &Function) -> Option<&'a Ident> {
    outer(expression).find(|name| {
        let mut parameters = function.parameters.iter();
        (*name == "self" && function.receiver.is_some())
            || parameters.any(|parameter| parameter.name.unraw() == name.unraw())
    })
}

/// The first one that is a reference of which the body has a copy.
pub(super) fn borrowed_in<'a>(expression: &'a Expr, function: &Function) -> Option<&'a Ident> {
    outer(expression).find(|name| {
        let mut arguments = function.arguments.iter();
        arguments.any(|argument| {
            matches!(argument, Argument::Borrowed(it) if it.name.unraw() == name.unraw())
        })
    })
}

/// The names in an expression that it does not bind itself.
fn outer(expression: &Expr) -> impl Iterator<Item = &Ident> {
    let Names {
        values,
        given,
        bound,
    } = Names::of(expression);
    let all = values.into_iter().chain(given);
    all.filter(move |name| !bound.contains(name))
}

/// The names in an expression that are no paths.
#[derive(Default)]
pub(super) struct Names<'ast> {
    /// Of values: something is done with them, or they are all there is.
    pub(super) values: Vec<&'ast Ident>,
    /// What is called, or given to something that is called: these may be functions.
    given: Vec<&'ast Ident>,
    /// By a closure or a `let`.
    pub(super) bound: Vec<&'ast Ident>,
}

impl<'ast> Names<'ast> {
    pub(super) fn of(expression: &'ast Expr) -> Self {
        let mut names = Self::default();
        names.visit_expr(expression);
        names
    }

    fn give(&mut self, expression: &'ast Expr) {
        match expression {
            Expr::Path(path) => self.given.extend(path.path.get_ident()),
            other => self.visit_expr(other),
        }
    }
}

impl<'ast> Visit<'ast> for Names<'ast> {
    fn visit_expr_path(&mut self, node: &'ast syn::ExprPath) {
        self.values.extend(node.path.get_ident());
    }

    fn visit_expr_call(&mut self, node: &'ast syn::ExprCall) {
        self.give(&node.func);
        node.args.iter().for_each(|argument| self.give(argument));
    }

    fn visit_expr_method_call(&mut self, node: &'ast syn::ExprMethodCall) {
        self.visit_expr(&node.receiver);
        node.args.iter().for_each(|argument| self.give(argument));
    }

    fn visit_pat_ident(&mut self, node: &'ast syn::PatIdent) {
        self.bound.push(&node.ident);
        visit::visit_pat_ident(self, node);
    }
}
