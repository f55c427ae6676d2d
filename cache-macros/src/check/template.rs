//! Templates: of keys and of tags.

use proc_macro2::Span;
use syn::visit::Visit;
use syn::{Error, Expr, Ident, LitStr};

use super::explicit::{is_constant, stays_within};
use super::key::{TemplatePart, no_such_parameter};
use super::names::Names;
use crate::signature::Function;

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
