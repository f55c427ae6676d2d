//! `#[derive(larder::Options)]`: what of a struct is in keys.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DeriveInput, Error, Field, Fields, Generics, Ident, Meta, Path, Token,
    TypeParamBound,
};

use crate::krate;
use crate::signature::Ends;

/// What serde says on a field that may not be seen then, or not as it is.
const HIDING: [&str; 5] = [
    "skip",
    "skip_serializing",
    "skip_serializing_if",
    "serialize_with",
    "with",
];

pub(crate) fn derive(item: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(item) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut mistakes = Vec::new();
    let larder = larder(&mut mistakes, &input.attrs);
    let fields = fields(&mut mistakes, &input);
    let mistakes = mistakes.into_iter().reduce(|mut all, mistake| {
        all.combine(mistake);
        all
    });
    let path = krate::expansion(larder.as_ref(), Span::call_site());
    match mistakes {
        None => implementation(&input, &path, &body(&fields, larder.as_ref()), &fields),
        Some(mistakes) => {
            let mistakes = mistakes.into_compile_error();
            // The trait is there, so that the mistake shows once and not where it is used too.
            let stub = implementation(&input, &path, &TokenStream::new(), &[]);
            quote!(#mistakes #stub)
        }
    }
}

/// A field, and whether it is in the key.
struct Counted<'a> {
    field: &'a Field,
    name: &'a Ident,
    is_in_key: bool,
}

/// Where `larder` is, if the struct says so.
fn larder(mistakes: &mut Vec<Error>, attributes: &[Attribute]) -> Option<Path> {
    let mut larder = None;
    for attribute in attributes.iter().filter(|it| it.path().is_ident("options")) {
        let parsed = attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error(
                    "on a struct, `options` takes the path of `larder`: \
                     `#[options(crate = my_dependency::larder)]`",
                ));
            }
            larder = Some(meta.value()?.call(Path::parse_mod_style)?);
            Ok(())
        });
        mistakes.extend(parsed.err());
    }
    larder
}

fn fields<'a>(mistakes: &mut Vec<Error>, input: &'a DeriveInput) -> Vec<Counted<'a>> {
    let refused = |what: &str| {
        let message = format!(
            "`Options` is derived for structs with named fields, because it is their names that \
             are in the key; {what}"
        );
        Error::new(input.ident.span(), message)
    };
    let fields = match &input.data {
        Data::Struct(data) => &data.fields,
        Data::Enum(_) => {
            mistakes.push(refused(
                "make this enum a field of such a struct, where it counts as serde shows it",
            ));
            return Vec::new();
        }
        Data::Union(_) => {
            mistakes.push(refused("a union shows nobody which field it has"));
            return Vec::new();
        }
    };
    if matches!(fields, Fields::Unnamed(_)) {
        mistakes.push(refused("give the fields of this one names"));
        return Vec::new();
    }
    let named = fields.iter().filter_map(|field| {
        let name = field.ident.as_ref()?;
        let is_in_key = is_in_key(field)
            .map_err(|mistake| mistakes.push(mistake))
            .unwrap_or_default();
        Some(Counted {
            field,
            name,
            is_in_key,
        })
    });
    let mut named: Vec<_> = named.collect();
    // The order of fields does not count: who changes it keeps his entries.
    named.sort_by_key(|field| field.name.unraw().to_string());
    named
}

fn is_in_key(field: &Field) -> syn::Result<bool> {
    let mut said: Option<bool> = None;
    for attribute in &field.attrs {
        if !attribute.path().is_ident("options") {
            continue;
        }
        let unknown = "on a field, `options` takes `skip`: it changes no answer; or `count`: it is in \
                       the key, though serde hides it";
        if !matches!(attribute.meta, Meta::List(_)) {
            return Err(Error::new_spanned(attribute, unknown));
        }
        attribute.parse_nested_meta(|meta| {
            let counts = meta.path.is_ident("count");
            if !counts && !meta.path.is_ident("skip") {
                return Err(meta.error(unknown));
            }
            if !meta.input.is_empty() && !meta.input.peek(Token![,]) {
                return Err(meta.error(unknown));
            }
            if said.replace(counts).is_some() {
                return Err(meta.error("this is decided twice; write `skip` or `count`, once"));
            }
            Ok(())
        })?;
    }
    match (said, hidden(field)) {
        (None, Some((place, how))) => Err(Error::new(
            place,
            format!(
                "`{how}` hides this field from serde; does the answer depend on it? if not, write \
                 `#[options(skip)]`; if so, write `#[options(count)]`, and its value is in the key"
            ),
        )),
        (said, _) => Ok(said.unwrap_or(true)),
    }
}

/// How serde hides the field, if it does.
fn hidden(field: &Field) -> Option<(Span, &'static str)> {
    let of_serde = field.attrs.iter().filter(|it| it.path().is_ident("serde"));
    let said = of_serde.filter_map(|attribute| {
        let list = attribute.meta.require_list().ok()?;
        // What serde cannot read either is its own to say.
        list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
            .ok()
    });
    said.flatten().find_map(|said| {
        let how = HIDING.into_iter().find(|how| said.path().is_ident(how))?;
        Some((said.path().span(), how))
    })
}

fn implementation(
    input: &DeriveInput,
    larder: &TokenStream,
    body: &TokenStream,
    fields: &[Counted<'_>],
) -> TokenStream {
    let name = &input.ident;
    let generics = bounded(&input.generics, larder, fields);
    let (parameters, arguments, conditions) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl #parameters #larder::Options for #name #arguments #conditions {
            fn in_key(&self) -> impl #larder::Serialize {
                #body
            }
        }
    }
}

/// Takes the struct apart, so that no field is left out that has a place in it.
fn body(fields: &[Counted<'_>], larder: Option<&Path>) -> TokenStream {
    let here = krate::expansion(larder, Span::call_site());
    let mut pattern = TokenStream::new();
    let mut view = quote!(#here::Fields::none());
    for (
        number,
        Counted {
            field,
            name,
            is_in_key,
        },
    ) in fields.iter().enumerate()
    {
        if !is_in_key {
            pattern.extend(quote!(#name: _,));
            continue;
        }
        // No name of the user's: it might be that of a constant.
        let value = format_ident!("__larder_{number}");
        pattern.extend(quote!(#name: #value,));
        let text = name.unraw().to_string();
        // An error about what the value lacks belongs to its type.
        let Ends { first, last } = Ends::of(&field.ty);
        let mut argument = value.clone();
        argument.set_span(last.resolved_at(value.span()));
        let place = first.resolved_at(value.span());
        let shown = quote_spanned!(place=> (&&#here::Field(#argument)).__larder_in_key());
        view = quote!(#view.and(#text, #shown));
    }
    let is_used = fields.iter().any(|field| field.is_in_key);
    let methods = is_used.then(|| quote!(use #here::InKey as _;));
    quote! {
        #methods
        let Self { #pattern } = self;
        #view
    }
}

/// With serde's bound on the type parameters of what is in the key, but for those that have `Options`.
fn bounded(generics: &Generics, larder: &TokenStream, fields: &[Counted<'_>]) -> Generics {
    let counted = fields.iter().filter(|field| field.is_in_key);
    let words: Vec<String> = counted
        .flat_map(|counted| {
            let ty = &counted.field.ty;
            words(quote!(#ty))
        })
        .collect();
    let mut generics = generics.clone();
    for parameter in generics.type_params_mut() {
        if words.contains(&parameter.ident.to_string()) && !parameter.bounds.iter().any(is_options)
        {
            parameter.bounds.push(syn::parse_quote!(#larder::Serialize));
        }
    }
    generics
}

fn is_options(bound: &TypeParamBound) -> bool {
    let TypeParamBound::Trait(bound) = bound else {
        return false;
    };
    let name = bound.path.segments.last();
    name.is_some_and(|name| name.ident == "Options")
}

fn words(tokens: TokenStream) -> Vec<String> {
    tokens
        .into_iter()
        .flat_map(|token| match token {
            TokenTree::Ident(word) => vec![word.to_string()],
            TokenTree::Group(group) => words(group.stream()),
            _ => Vec::new(),
        })
        .collect()
}
