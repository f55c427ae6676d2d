//! Items that are no function.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::Error;

/// The words that tell an item from a function.
const OTHER_ITEMS: [&str; 12] = [
    "struct",
    "enum",
    "union",
    "trait",
    "impl",
    "mod",
    "type",
    "static",
    "use",
    "let",
    "macro_rules",
    "const",
];

/// What the item is, if it is no function or one without a body.
pub(crate) fn no_function(item: TokenStream) -> Option<Error> {
    let mut other = None;
    let mut tokens = item.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(word) if word == "fn" => {
                let name = tokens.next()?;
                let ends_early = tokens.last().is_some_and(
                    |last| matches!(last, TokenTree::Punct(last) if last.as_char() == ';'),
                );
                return ends_early.then(|| {
                    Error::new(
                        name.span(),
                        "a function without a body has nothing to keep; put `#[cached]` where \
                         the body is",
                    )
                });
            }
            TokenTree::Ident(word) if OTHER_ITEMS.iter().any(|other| word == other) => {
                other.get_or_insert(word);
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
            _ => {}
        }
    }
    Some(match other {
        Some(word) => {
            let article = if word == "impl" || word == "enum" {
                "an"
            } else {
                "a"
            };
            Error::new(
                word.span(),
                format!("`#[cached]` goes on an `async fn`, not on {article} `{word}`"),
            )
        }
        None => Error::new(
            Span::call_site(),
            "`#[cached]` goes on an `async fn`; this is no function",
        ),
    })
}
