//! A key that is written out: an expression, or a template.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::visit::{self, Visit};
use syn::{Error, Expr, ExprLit, Ident, Lit, LitStr};

use super::key::{Key, TemplatePart, no_such_parameter};
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

fn is_constant(key: &Expr) -> bool {
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

/// The names in an expression that are no paths.
#[derive(Default)]
struct Names<'ast> {
    /// Of values: something is done with them, or they are all there is.
    values: Vec<&'ast Ident>,
    /// What is called, or given to something that is called: these may be functions.
    given: Vec<&'ast Ident>,
    /// By a closure or a `let`.
    bound: Vec<&'ast Ident>,
}

impl<'ast> Names<'ast> {
    fn of(expression: &'ast Expr) -> Self {
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

/// `user:{id}`; `{{` and `}}` stand for braces.
pub(super) fn parse_template(
    template: &LitStr,
    what_it_is: &'static str,
    function: &Function,
) -> syn::Result<Vec<TemplatePart>> {
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
                let expression = parse_hole(&hole, template.span(), what_it_is, function)?;
                if !literal.is_empty() {
                    parts.push(TemplatePart::Text(std::mem::take(&mut literal)));
                }
                parts.push(TemplatePart::Hole(Box::new(expression)));
            }
            other => literal.push(other),
        }
    }
    if !literal.is_empty() {
        parts.push(TemplatePart::Text(literal));
    }
    Ok(parts)
}

fn parse_hole(
    hole: &str,
    place: Span,
    what_it_is: &'static str,
    function: &Function,
) -> syn::Result<Expr> {
    let mistake = |message| Err(Error::new(place, message));
    let Ok(expression) = LitStr::new(hole, place).parse::<Expr>() else {
        return match hole.split_once(':') {
            Some((name, _)) if syn::parse_str::<Ident>(name).is_ok() => mistake(format!(
                "`{{{hole}}}` asks for a format, which {what_it_is} does not take; write `{{{name}}}`"
            )),
            _ => mistake(format!(
                "`{{{hole}}}` is no expression over the parameters, such as `{{user.id}}`"
            )),
        };
    };
    if is_constant(&expression) {
        return mistake(format!(
            "`{{{hole}}}` is the same for every call; name a parameter, such as `{{id}}`"
        ));
    }
    stays_within(&expression, what_it_is)?;
    let names = Names::of(&expression);
    let unknown = names
        .values
        .iter()
        .find(|name| !names.bound.contains(name) && !may_be_a_value(name, function));
    match unknown {
        Some(name) => Err(no_such_parameter(name, function)),
        None => Ok(expression),
    }
}

/// In small letters there are no values in a key but parameters: it sees none of the variables of
/// the body.
fn may_be_a_value(name: &Ident, function: &Function) -> bool {
    let signature = &function.signature;
    let mut constants = signature.generics.const_params();
    let mut parameters = Names::default();
    parameters.visit_signature(signature);
    name.to_string().contains(char::is_uppercase)
        || (name == "self" && function.receiver.is_some())
        || parameters.bound.contains(&name)
        || constants.any(|constant| constant.ident == *name)
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;
    use quote::quote;

    use super::parse_hole;
    use crate::signature;

    #[test]
    fn holes_are_taken_for_mistakes_only_where_nothing_else_could_be_meant() -> syn::Result<()> {
        let function = signature::parse(quote! {
            async fn page<const LENGTH: usize, const width: usize>(
                &self,
                id: u32,
                User { name, .. }: User,
                both @ (left, right): (u32, u32),
                r#type: &str,
            ) -> u32 {
                let local = id;
                local
            }
        })?;
        for (hole, is_known) in [
            ("id", true),
            ("self.id", true),
            ("name.trim().len()", true),
            ("both.0 + left * right", true),
            ("r#type", true),
            ("width + LENGTH", true),
            ("PREFIX", true),
            ("crate::prefix", true),
            ("prefix(id)", true),
            ("names.map(prefix)", false),
            ("name.split(is_blank).map(prefix).count()", true),
            ("name.chars().map(|each| each as u32).sum::<u32>()", true),
            ("env!(\"HOME\")", true),
            ("nme", false),
            ("local", false),
            ("usr.id", false),
            ("&local", false),
            ("ids[0]", false),
            ("local == id", false),
            ("(local.0)(id)", false),
            ("id:?", false),
            ("", false),
        ] {
            let parsed = parse_hole(hole, Span::call_site(), "a key", &function);
            assert_eq!(parsed.is_ok(), is_known, "{hole}");
        }
        Ok(())
    }
}
