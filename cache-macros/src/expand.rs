//! The checked model to tokens.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Type;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use crate::check::{Checked, Key, TemplatePart};
use crate::signature::Function;

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
    let site = site(checked, function);
    let shape = shape(returns);
    let write_arguments = write_arguments(&checked.key);
    let statements = &block.stmts;
    let typed_return = quote_spanned! {returns.span()=>
        // Never runs: tells the block its type, as a signature does, so that `?` and coercions
        // work as they do without the attribute.
        #[allow(unreachable_code, unused_variables, clippy::diverging_sub_expression, clippy::empty_loop)]
        if false {
            let returned: #returns = loop {};
            return returned;
        }
    };
    let body = quote_spanned! {block.span()=>
        async move {
            #typed_return
            #(#statements)*
        }
    };
    quote! {
        #(#attrs)*
        #vis #sig {
            #site
            let __larder_shape = #shape;
            let __larder_miss = match ::larder::__expansion::enter(
                &__LARDER_SITE,
                __larder_shape,
                |__larder_key| { #write_arguments },
            ) {
                ::larder::__expansion::Entered::Hit(returned) => return returned,
                ::larder::__expansion::Entered::Miss(miss) => miss,
            };
            __larder_miss
                .run(__larder_shape, ::core::pin::pin!(#body))
                .await
        }
    }
}

fn site(checked: &Checked, function: &Function) -> TokenStream {
    let kind = &checked.kind;
    let op = optional(checked.op.as_ref());
    let ttl = optional(checked.ttl.map(|ttl| {
        let seconds = ttl.as_secs();
        let nanos = ttl.subsec_nanos();
        quote!(::core::time::Duration::new(#seconds, #nanos))
    }));
    let name = function.item.sig.ident.unraw().to_string();
    let parameters: Vec<String> = match &checked.key {
        Key::Parameters(parameters) => parameters
            .iter()
            .map(|parameter| parameter.name.unraw().to_string())
            .collect(),
        Key::Expression(key) => vec![key.to_token_stream().to_string()],
        Key::Template(_) => vec!["template".to_owned()],
    };
    quote! {
        static __LARDER_SITE: ::larder::__expansion::CallSite =
            ::larder::__expansion::CallSite::new(::larder::__expansion::Description {
                kind: #kind,
                op: #op,
                ttl: #ttl,
                module: ::core::module_path!(),
                function: #name,
                file: ::core::file!(),
                line: ::core::line!(),
                column: ::core::column!(),
                parameters: &[#(#parameters),*],
            });
        ::larder::__expansion::inventory::submit! {
            ::larder::__expansion::Collected(&__LARDER_SITE)
        }
    }
}

fn optional<T: ToTokens>(value: Option<T>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

/// At the place of the return type, because that is where a value that cannot be kept is.
fn shape(returns: &Type) -> TokenStream {
    quote_spanned! {returns.span()=> {
        #[allow(unused_imports)]
        use ::larder::__expansion::{
            ViaFallible as _, ViaFallibleOption as _, ViaOptional as _, ViaPlain as _,
        };
        ::larder::__expansion::checked_shape(
            (&&&::larder::__expansion::Probe::<#returns>::new()).shape(),
        )
    }}
}

fn write_arguments(key: &Key) -> TokenStream {
    match key {
        Key::Parameters(parameters) => parameters
            .iter()
            .map(|parameter| {
                let name = &parameter.name;
                if parameter.is_text {
                    return quote!(__larder_key.text(&#name););
                }
                let argument = respanned(name, parameter.ty);
                quote_spanned!(parameter.ty=> __larder_key.arg(&#argument);)
            })
            .collect(),
        Key::Expression(key) => quote_spanned!(key.span()=> __larder_key.arg(&(#key));),
        Key::Template(parts) => parts
            .iter()
            .map(|part| match part {
                TemplatePart::Text(text) => quote!(__larder_key.arg(#text);),
                TemplatePart::Hole(hole) => {
                    quote_spanned!(hole.span()=> __larder_key.arg(&(#hole));)
                }
            })
            .collect(),
    }
}

/// The name as the user wrote it, with errors shown at another place.
fn respanned(name: &syn::Ident, place: Span) -> syn::Ident {
    let mut name = name.clone();
    name.set_span(place.resolved_at(name.span()));
    name
}
