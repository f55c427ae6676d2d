//! A key that is written out: an expression, or a template.

use proc_macro2::Span;
use syn::visit::{self, Visit};
use syn::{Error, Expr, ExprLit, Lit};

use super::key::{Key, TemplatePart, no_such_parameter};
use super::names::Names;
use super::template::parse_template;
use crate::signature::Function;

pub(super) fn explicit_key(key: Expr, place: Span, function: &Function) -> syn::Result<Key> {
    match &key {
        Expr::Lit(ExprLit {
            lit: Lit::Str(template),
            ..
        }) => {
            let parts = parse_template(template, "a key", function)?;
            let is_hole = |part: &TemplatePart| matches!(part, TemplatePart::Hole(_));
            if parts.iter().any(is_hole) {
                return Ok(Key::Template(template.value(), parts));
            }
            Err(Error::new(
                template.span(),
                "this key is the same for every call; name parameters in braces, as in \
                 `\"user:{id}\"`, or write `key = ()` for one answer to all calls",
            ))
        }
        Expr::Closure(_) => Err(Error::new(
            place,
            "`key` takes an expression over the parameters, not a closure",
        )),
        _ if is_constant(&key) => Err(Error::new_spanned(
            &key,
            "this key is the same for every call; write an expression over the parameters, or \
             `key = ()` for one answer to all calls",
        )),
        _ => {
            stays_within(&key, "a key")?;
            let names = Names::of(&key);
            // Of other names that are unknown, the compiler says where they stand by itself.
            if let Some(name) = names.values.iter().find(|name| **name == "self")
                && function.receiver.is_none()
            {
                return Err(no_such_parameter(name, function));
            }
            if let Expr::Tuple(tuple) = &key {
                tuple.elems.iter().try_for_each(no_template)?;
            }
            Ok(Key::Expression(key))
        }
    }
}

pub(super) fn is_constant(key: &Expr) -> bool {
    match key {
        Expr::Lit(_) => true,
        Expr::Paren(inner) => is_constant(&inner.expr),
        Expr::Reference(inner) => is_constant(&inner.expr),
        Expr::Unary(inner) => is_constant(&inner.expr),
        Expr::Tuple(tuple) => !tuple.elems.is_empty() && tuple.elems.iter().all(is_constant),
        _ => false,
    }
}

fn no_template(part: &Expr) -> syn::Result<()> {
    match part {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) if text.value().contains('{') => Err(Error::new(
            text.span(),
            "a template is a whole key; beside other parts name the parameters themselves: \
             `(id, page)`",
        )),
        _ => Ok(()),
    }
}

/// What an expression of the attribute gives goes on to the cache, and never ends the function.
pub(super) fn stays_within(written: &Expr, what_it_is: &'static str) -> syn::Result<()> {
    struct Leaps {
        what_it_is: &'static str,
        first: Option<Error>,
    }

    impl Leaps {
        fn found(&mut self, place: Span, what: &str) {
            let what_it_is = self.what_it_is;
            self.first.get_or_insert_with(|| {
                Error::new(
                    place,
                    format!(
                        "{what_it_is} cannot {what}; compute it before the call and pass it as a \
                         parameter"
                    ),
                )
            });
        }
    }

    impl<'ast> Visit<'ast> for Leaps {
        fn visit_expr_return(&mut self, node: &'ast syn::ExprReturn) {
            self.found(node.return_token.span, "return");
        }

        fn visit_expr_await(&mut self, node: &'ast syn::ExprAwait) {
            self.found(node.await_token.span, "wait");
        }

        fn visit_expr_try(&mut self, node: &'ast syn::ExprTry) {
            self.found(node.question_token.span, "fail");
            visit::visit_expr_try(self, node);
        }

        // What happens in these is their own affair.
        fn visit_expr_closure(&mut self, _: &'ast syn::ExprClosure) {}
        fn visit_expr_async(&mut self, _: &'ast syn::ExprAsync) {}
    }

    let mut leaps = Leaps {
        what_it_is,
        first: None,
    };
    leaps.visit_expr(written);
    leaps.first.map_or(Ok(()), Err)
}
