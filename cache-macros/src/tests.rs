//! What an expansion looks like.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use proc_macro2::TokenStream;
use quote::quote;

use crate::expanded;

fn printed(expansion: &TokenStream) -> String {
    let file = syn::parse2(expansion.clone()).expect("items");
    prettyplease::unparse(&file)
}

/// Of every form of function, with options and without.
fn examples() -> Vec<(TokenStream, TokenStream)> {
    let options = quote!(
        kind = "ai",
        op = "x",
        ttl = |v| v.ttl,
        cache_if = |v| v.done,
        skip(b),
        version = 2
    );
    let functions = [
        quote!(
            pub(crate) async fn f(a: &str, b: u32) -> Result<String, E> {
                g(a, b).await
            }
        ),
        quote!(
            async fn f<'a, T: Serialize>(&'a self, a: &T, b: u32) -> Option<String>
            where
                T: Send,
            {
                None
            }
        ),
        quote!(
            fn f(a: u32, b: u32) -> impl Future<Output = u32> + Send {
                async move { a + b }
            }
        ),
        quote!(
            fn f(a: u32, b: u32) -> impl Future<Output = u32> + Send {
                let a = a + b;
                async move { a }
            }
        ),
        quote!(
            fn f(a: u32, b: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
                Box::pin(async move { a + b })
            }
        ),
        quote!(
            fn f(a: &str, b: u32) -> impl Stream<Item = Result<String, E>> + Send + use<> {
                g(a, b)
            }
        ),
        quote!(
            fn f<'a>(a: &'a str, b: u32) -> BoxStream<'a, Result<String, E>> {
                if b == 0 {
                    return h();
                }
                g(a, b)
            }
        ),
        quote!(
            fn f(a: u32, b: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
                if a > b {
                    return g();
                }
                h()
            }
        ),
    ];
    let mut examples = Vec::new();
    for function in functions {
        let is_method = function.to_string().contains("self");
        let options = if is_method {
            quote!(key = (self.id, a), ttl = "1h")
        } else {
            options.clone()
        };
        let least = if is_method {
            quote!(skip(self))
        } else {
            quote!()
        };
        examples.push((least, function.clone()));
        examples.push((options, function));
    }
    examples.push((
        quote!(local),
        quote!(
            fn f(a: u32) -> u32 {
                a
            }
        ),
    ));
    examples
}

#[test]
fn nothing_of_ours_stands_outside_of_the_function() {
    for (options, function) in examples() {
        let expansion = expanded(options, &function);
        let expansion: syn::File = syn::parse2(expansion).expect("items");
        let [syn::Item::Fn(expanded)] = expansion.items.as_slice() else {
            panic!("{function}");
        };
        let function: syn::ItemFn = syn::parse2(function).expect("a function");
        assert_eq!(
            (&expanded.vis, &expanded.sig, &expanded.attrs),
            (&function.vis, &function.sig, &function.attrs)
        );
    }
}

#[test]
fn the_expansion_in_the_documentation_is_what_is_written_and_has_at_most_forty_lines() {
    let expansion = expanded(
        quote!(kind = "ai", op = "summarize", ttl = "2h"),
        &quote! {
            async fn summarize(text: &str, max_words: usize) -> Result<Summary, ModelError> {
                ask_the_model(text, max_words).await
            }
        },
    );
    let printed = printed(&expansion);
    assert!(printed.lines().count() <= 40, "{printed}");
    let documentation = include_str!("../../docs/how-it-works.md");
    assert!(
        documentation.contains(&format!("```rust,ignore\n{printed}```")),
        "docs/how-it-works.md does not show this:\n{printed}"
    );
}

#[test]
fn a_body_that_is_still_being_written_stays_as_it_is() {
    let unfinished = quote!(self.db.; let user = find(id,).await.; match user);
    let expansion = expanded(
        quote!(skip(self)),
        &quote!(async fn name(&self, id: u64) -> Option<String> { #unfinished }),
    );
    let expansion = expansion.to_string();
    assert!(expansion.contains(&unfinished.to_string()), "{expansion}");
    assert!(!expansion.contains("compile_error"), "{expansion}");
}

#[test]
fn a_function_with_a_mistake_stays_as_it_is() {
    let function = quote!(
        async fn name(id: u64) -> Option<String> {
            None
        }
    );
    let expansion = expanded(quote!(tll = "1h"), &function).to_string();
    assert!(expansion.contains("compile_error"), "{expansion}");
    assert!(expansion.ends_with(&function.to_string()), "{expansion}");
}

#[test]
fn each_option_has_its_line_in_the_reference() {
    let reference = include_str!("cached.md");
    let (_, table) = reference.split_once("# Options\n").expect("a table");
    let (table, _) = table.split_once("\n# ").expect("a section after it");
    for option in crate::vocabulary::OPTIONS {
        let is_its_line = |line: &&str| {
            let cell = line.split(" | ").next().unwrap_or_default();
            cell.split(['[', '`', ' ', '(', '=', ']', ','])
                .any(|word| word == option)
        };
        let lines: Vec<_> = table.lines().filter(is_its_line).collect();
        assert!(!lines.is_empty(), "{option}");
        for line in lines {
            let (_, link) = line.split_once("](#").expect("a link");
            let (link, _) = link.split_once(')').expect("a link");
            let headings = reference.lines().filter_map(|it| it.strip_prefix("## "));
            let mut sections = headings.chain(["Streams"]).map(|heading| {
                let heading = heading.to_lowercase().replace(' ', "-");
                heading.replace(
                    |it: char| !(it.is_alphanumeric() || it == '_' || it == '-'),
                    "",
                )
            });
            let link = link.trim_end_matches("-1");
            assert!(sections.any(|heading| heading == link), "{option}: {link}");
        }
    }
}
