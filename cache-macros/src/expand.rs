//! The checked model to tokens.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{AttrStyle, Attribute, Expr};

use crate::check::{Checked, Key, KeyParameter, Role, TemplatePart};
use crate::signature::{Ends, Function};

/// The function with its body as an async block in the same place: receivers, borrowed arguments,
/// patterns and lints go on to work by themselves.
pub(crate) fn expand(checked: &Checked, function: &Function) -> TokenStream {
    let syn::ItemFn {
        attrs,
        vis,
        sig,
        block,
        ..
    } = &function.item;
    // Checked: there is one.
    let Some(returns) = function.returns() else {
        return function.item.to_token_stream();
    };
    let (inside, outside): (Vec<&Attribute>, Vec<&Attribute>) = attrs
        .iter()
        .partition(|attribute| matches!(attribute.style, AttrStyle::Inner(_)));
    let site = site(checked, function);
    let write_arguments = write_arguments(&checked.key);
    // All in one place, that of the return type: where its value cannot be kept, each use of the
    // shape is an error, and the compiler shows only one error of a kind in a place.
    let place = Span::call_site().located_at(Ends::of(returns).first);
    // In braces of its own, so that items at its beginning stand at the beginning of a block; in
    // braces of ours, so that no lint finds them unnecessary.
    let statements = &block.stmts;
    let mut body = Group::new(Delimiter::Brace, quote!(#(#statements)*));
    body.set_span(Span::call_site().located_at(block.brace_token.span.join()));
    let call = quote_spanned! {place=>
        use ::larder::__expansion::Probed as _;
        let __larder_shape = ::larder::__expansion::checked_shape(
            (&&&&::larder::__expansion::Probe::<#returns>::new()).__larder_shape(),
        );
        let __larder_miss = match ::larder::__expansion::enter(
            &__LARDER_SITE,
            __larder_shape,
            |__larder_key| { #write_arguments },
        ) {
            ::larder::__expansion::Entered::Hit(__larder_hit) => return __larder_hit,
            ::larder::__expansion::Entered::Miss(__larder_miss) => __larder_miss,
        };
        __larder_miss
            .run(__larder_shape, ::core::pin::pin!(async move {
                // Tells the block its type, as a signature does, so that `?` and coercions work
                // as they do without the attribute.
                if false {
                    return ::larder::__expansion::returned::<#returns>();
                }
                #body
            }))
            .await
    };
    quote! {
        #(#outside)*
        #vis #sig {
            #(#inside)*
            #site
            #call
        }
    }
}

fn site(checked: &Checked, function: &Function) -> TokenStream {
    let kind = &checked.kind;
    let op = optional(checked.op.as_ref());
    let version = optional(checked.version.as_ref());
    let shared = checked.shared;
    let ttl = optional(checked.ttl.map(|ttl| {
        let seconds = ttl.as_secs();
        let nanos = ttl.subsec_nanos();
        quote!(::core::time::Duration::new(#seconds, #nanos))
    }));
    let name = function.item.sig.ident.unraw().to_string();
    let (mut text, mut question, mut others) = (None, None, Vec::new());
    match &checked.key {
        Key::Parameters(parameters) => {
            for KeyParameter { name, role, .. } in parameters {
                let name = name.unraw().to_string();
                match role {
                    Role::Other => others.push(name),
                    Role::Text => text = Some(name),
                    Role::Question => question = Some(name),
                }
            }
        }
        Key::Expression(key) => others.push(spelled(key.to_token_stream())),
        Key::Template(template, _) => others.push(template.clone()),
    }
    let (text, question) = (optional(text), optional(question));
    quote! {
        static __LARDER_SITE: ::larder::__expansion::CallSite =
            ::larder::__expansion::CallSite::new(::larder::__expansion::Description {
                kind: #kind,
                op: #op,
                version: #version,
                shared: #shared,
                ttl: #ttl,
                module: ::core::module_path!(),
                function: #name,
                file: ::core::file!(),
                line: ::core::line!(),
                column: ::core::column!(),
                text: #text,
                question: #question,
                others: &[#(#others),*],
            });
        ::larder::__expansion::inventory::submit! {
            ::larder::__expansion::Collected(&__LARDER_SITE)
        }
    }
}

/// The tokens with a space between each two, whatever compiler prints them: this is a part of keys.
fn spelled(tokens: TokenStream) -> String {
    let spelled: Vec<String> = tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                format!("{open}{}{close}", spelled(group.stream()))
            }
            token => token.to_string(),
        })
        .collect();
    spelled.join(" ")
}

fn optional<T: ToTokens>(value: Option<T>) -> TokenStream {
    value.map_or_else(
        || quote!(::core::option::Option::None),
        |value| quote!(::core::option::Option::Some(#value)),
    )
}

fn write_arguments(key: &Key) -> TokenStream {
    match key {
        Key::Parameters(parameters) => parameters.iter().map(write_parameter).collect(),
        Key::Expression(key) => write_expression(key),
        Key::Template(_, parts) => parts
            .iter()
            .map(|part| match part {
                TemplatePart::Text(text) => quote!(__larder_key.arg(#text);),
                TemplatePart::Hole(hole) => write_expression(hole),
            })
            .collect(),
    }
}

fn write_parameter(parameter: &KeyParameter) -> TokenStream {
    let name = &parameter.name;
    // The name has to be the user's, so a lint on the user's names would take this for their use
    // of it.
    let allow = name
        .to_string()
        .starts_with('_')
        .then(|| quote!(#[allow(clippy::used_underscore_binding)]));
    let write = match parameter.role {
        Role::Text => return quote!(#allow __larder_key.text(&#name);),
        Role::Question => quote!(question),
        Role::Other => quote!(arg),
    };
    // The argument spans its type, where an error about what it lacks belongs.
    let Ends { first, last } = parameter.ty;
    let mut argument = name.clone();
    argument.set_span(last.resolved_at(name.span()));
    let argument = quote_spanned!(first=> &#argument);
    quote!(#allow __larder_key.#write(#argument);)
}

/// The elements of a tuple one by one, each by reference: a key must not move what it names.
fn write_expression(key: &Expr) -> TokenStream {
    match key {
        Expr::Tuple(tuple) if tuple.attrs.is_empty() => {
            tuple.elems.iter().map(write_expression).collect()
        }
        Expr::Paren(inner) if inner.attrs.is_empty() => write_expression(&inner.expr),
        key => {
            let Ends { first, last } = Ends::of(key);
            let key = grouped(last, key.to_token_stream());
            let argument = quote_spanned!(first=> &#key);
            quote!(__larder_key.arg(#argument);)
        }
    }
}

/// In parentheses that stand at `place`.
fn grouped(place: Span, tokens: TokenStream) -> TokenTree {
    let mut group = Group::new(Delimiter::Parenthesis, tokens);
    group.set_span(place);
    group.into()
}
