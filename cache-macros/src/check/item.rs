//! Items that are no function.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use syn::Error;

/// The words that tell an item from a function.
const OTHER_ITEMS: [&str; 11] = [
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
];

/// Whether this is a closure: nothing can stand beside it.
pub(crate) fn is_closure(item: TokenStream) -> bool {
    let mut tokens = item.into_iter().skip_while(
        |token| matches!(token, TokenTree::Ident(word) if word == "async" || word == "move"),
    );
    matches!(tokens.next(), Some(TokenTree::Punct(bar)) if bar.as_char() == '|')
}

/// What the item is, if it is no function or one without a body.
pub(crate) fn no_function(item: TokenStream) -> Option<Error> {
    // `const` and `extern` may stand before `fn` too.
    let mut maybe = None;
    let place = item.clone().into_iter().next()?.span();
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
                return Some(other_item(&word));
            }
            TokenTree::Ident(word) if word == "const" || word == "extern" => {
                maybe.get_or_insert(word);
            }
            // The value of a constant, or a block.
            TokenTree::Punct(punct) if matches!(punct.as_char(), ':' | '|' | '!') => break,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
            _ => {}
        }
    }
    Some(match maybe {
        Some(word) => other_item(&word),
        None => Error::new(
            place,
            "`#[cached]` goes on an `async fn`; this is no function",
        ),
    })
}

fn other_item(word: &Ident) -> Error {
    let article = if ["impl", "enum", "extern"].iter().any(|it| word == it) {
        "an"
    } else {
        "a"
    };
    Error::new(
        word.span(),
        format!("`#[cached]` goes on an `async fn`, not on {article} `{word}`"),
    )
}
