//! The checked model to tokens.

use std::time::Duration;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::visit_mut::VisitMut;
use syn::{Expr, FnArg, Lifetime as Name, Pat, ReturnType, Signature, Type};

use crate::attribute::{Normalize, SingleFlight};
use crate::check::{Checked, Key, KeyParameter, Lifetime, Role, Rule, TemplatePart};
use crate::krate;
use crate::signature::{Argument, AsyncBlock, Borrowed, Ends, Form, Function};

/// The function with its body in the same place, as an async block or a closure: receivers,
/// borrowed arguments, patterns and lints go on to work by themselves.
pub(crate) fn expand(checked: &Checked, function: &Function) -> TokenStream {
    let Function {
        attributes,
        visibility,
        inner_attributes,
        ..
    } = function;
    // Checked: there is one.
    let Some(returns) = function.returns() else {
        return TokenStream::new();
    };
    let expansion = Expansion::of(checked, function, returns);
    let signature = expansion.signature();
    let body = match &function.form {
        Form::Async => expansion.asynchronous(&function.body),
        Form::AsyncBlock(block) => expansion.async_block(block),
        Form::Future { is_boxed } => expansion.future(*is_boxed),
        Form::Stream { is_boxed } => expansion.stream(*is_boxed),
        Form::Sync => expansion.synchronous(),
    };
    quote! {
        #(#attributes)*
        #visibility #signature {
            #(#inner_attributes)*
            #body
        }
    }
}

struct Expansion<'a> {
    checked: &'a Checked,
    function: &'a Function,
    returns: &'a Type,
    /// That of the return type: where its value cannot be kept, each use of its shape is an error,
    /// and the compiler shows only one error of a kind in a place.
    place: Span,
    /// Path of the names that expansions use.
    larder: TokenStream,
}

impl<'a> Expansion<'a> {
    fn of(checked: &'a Checked, function: &'a Function, returns: &'a Type) -> Self {
        let place = Span::call_site().located_at(Ends::of(returns).first);
        Self {
            checked,
            function,
            returns,
            place,
            larder: krate::expansion(checked.larder.as_ref(), place),
        }
    }

    /// As it was written, but that an argument that is copied is changed in the body alone.
    fn signature(&self) -> Signature {
        let mut signature = self.function.signature.clone();
        if self.checked.staleness.outlives {
            let arguments = self.function.arguments.iter();
            for (input, argument) in signature.inputs.iter_mut().zip(arguments) {
                if let (FnArg::Typed(typed), Argument::Borrowed(_)) = (input, argument)
                    && let Pat::Ident(ident) = &mut *typed.pat
                {
                    ident.mutability = None;
                }
            }
        }
        signature
    }

    /// In an `async fn`, or in the async block that is all of a function.
    fn asynchronous(&self, body: &TokenStream) -> TokenStream {
        let Self {
            returns, larder, ..
        } = self;
        let before = self.before();
        let hit_or_miss = self.hit_or_miss(&self.enter());
        let tagged = self.tagged_miss();
        let answer_or_turn = self.answer_or_turn(&quote_spanned!(self.place=> ask().await));
        let ttl = self.ttl();
        let body = self.braced(body.clone());
        let (copies, lent) = self.copies();
        let body = quote_spanned! {self.place=>
            async move {
                // Tells the block its type, as a signature does, so that `?` and coercions work as
                // they do without the attribute.
                if false {
                    return #larder::returned::<#returns>();
                }
                #lent
                #body
            }
        };
        let run = self.run(&body);
        quote_spanned! {self.place=>
            #before
            #hit_or_miss
            #tagged
            #answer_or_turn
            #ttl
            #copies
            #run
        }
    }

    /// Runs a body, which is a future, and ends the call with its result.
    fn run(&self, body: &TokenStream) -> TokenStream {
        let staleness = &self.checked.staleness;
        if staleness.outlives {
            let rule = self.rule(true);
            return quote_spanned! {self.place=>
                __larder_turn.run_apart(__larder_shape, #body, #rule).await
            };
        }
        if staleness.hard.is_some() {
            let rule = self.rule(false);
            return quote_spanned! {self.place=>
                __larder_turn.run(__larder_shape, #body, #rule).await
            };
        }
        let keep = self.keep();
        // One that the function makes at once has this name already.
        let named = !matches!(self.function.form, Form::Future { .. });
        let named = named.then(|| quote_spanned!(self.place=> let __larder_body = #body;));
        quote_spanned! {self.place=>
            #named
            let __larder_returned = __larder_turn.compute(::core::pin::pin!(__larder_body)).await;
            #keep
        }
    }

    /// For a body that may outlive its caller: copies of what the arguments borrow, and what borrows
    /// from those in the body, by the names of the arguments.
    fn copies(&self) -> (TokenStream, TokenStream) {
        let (mut copies, mut lent) = (TokenStream::new(), TokenStream::new());
        if !self.checked.staleness.outlives {
            return (copies, lent);
        }
        for (number, argument) in self.function.arguments.iter().enumerate() {
            let Argument::Borrowed(borrowed) = argument else {
                continue;
            };
            let Borrowed {
                name,
                mutability,
                ty,
                is_optional,
                conditions,
            } = &**borrowed;
            let copy = format_ident!("__larder_copy_{number}");
            let place = Span::call_site().located_at(Ends::of(ty).first);
            let larder = krate::expansion(self.checked.larder.as_ref(), place);
            let allow = allow_underscore(name);
            if *is_optional {
                copies.extend(quote_spanned! {place=>
                    #(#conditions)* #allow
                    let #copy = ::core::option::Option::map(#name, #larder::copy_of);
                });
                lent.extend(quote_spanned! {place=>
                    #(#conditions)*
                    let #mutability #name: ::core::option::Option<&#ty> = ::core::option::Option::map(
                        ::core::option::Option::as_ref(&#copy),
                        ::core::borrow::Borrow::borrow,
                    );
                });
            } else {
                copies.extend(quote_spanned! {place=>
                    #(#conditions)* #allow
                    let #copy = #larder::copy_of(#name);
                });
                lent.extend(quote_spanned! {place=>
                    #(#conditions)*
                    let #mutability #name: &#ty = ::core::borrow::Borrow::borrow(&#copy);
                });
            }
        }
        (copies, lent)
    }

    fn async_block(&self, block: &AsyncBlock) -> TokenStream {
        let AsyncBlock {
            boxed_by,
            keyword,
            block,
        } = block;
        let mut inner = Group::new(Delimiter::Brace, self.asynchronous(&block.stream()));
        inner.set_span(block.span());
        // With `move`, even where the user has none: the key is written from the parameters, which
        // are all that the block can capture.
        let future = quote!(#keyword move #inner);
        match boxed_by {
            None => future,
            Some((path, place)) => {
                let call = group(Delimiter::Parenthesis, future, *place);
                quote!(#path #call)
            }
        }
    }

    /// The body makes its future at once, as without the attribute, and so is the key written at
    /// once: the future that is returned may outlive the arguments.
    fn future(&self, is_boxed: bool) -> TokenStream {
        let larder = &self.larder;
        let before = self.before();
        let arguments = self.write_arguments();
        let enter = if self.checked.price.is_said() {
            quote_spanned!(self.place=> __larder_call.enter_priced(__larder_price))
        } else {
            quote_spanned!(self.place=> __larder_call.enter())
        };
        let hit_or_miss = self.hit_or_miss(&enter);
        let answer_or_turn = self.answer_or_turn(&quote_spanned!(self.place=> ask().await));
        let tagged = self.tagged();
        let ttl = self.ttl();
        let run = self.run(&quote_spanned!(self.place=> __larder_body));
        let mut body = self.braced(self.function.body.clone()).to_token_stream();
        let output = is_boxed.then_some(&self.function.signature.output);
        if may_return_early(body.clone()) {
            body = quote!((move || #output #body)());
        }
        let ty = match output {
            Some(ReturnType::Type(_, ty)) => Some(quote!(: #ty)),
            Some(ReturnType::Default) | None => None,
        };
        let future = quote_spanned! {self.place=>
            async move {
                #hit_or_miss
                #answer_or_turn
                #run
            }
        };
        let future = if is_boxed {
            quote_spanned!(self.place=> ::std::boxed::Box::pin(#future))
        } else {
            future
        };
        quote_spanned! {self.place=>
            #before
            let __larder_call = #larder::call(__larder_site, __larder_shape, #arguments) #tagged;
            #ttl
            let __larder_body #ty = #body;
            #future
        }
    }

    /// Nothing of the body runs before the stream is polled, and nothing of it where the chunks are
    /// there. It is a future, which has the copies of what the arguments borrow and lends them to the
    /// stream in it.
    fn stream(&self, is_boxed: bool) -> TokenStream {
        let larder = &self.larder;
        let before = self.before();
        let arguments = self.write_arguments();
        let tagged = self.tagged();
        let ttl = self.ttl();
        let rule = self.rule(true);
        let (copies, lent) = self.copies();
        let mut body = self.braced(self.function.body.clone()).to_token_stream();
        let ty = match &self.function.signature.output {
            ReturnType::Type(_, ty) if is_boxed => Some(nearest(ty)),
            _ => None,
        };
        if may_return_early(body.clone()) {
            let output = ty.as_ref().map(|ty| quote!(-> #ty));
            body = quote!((move || #output #body)());
        }
        let ty = ty.map(|ty| quote!(: #ty));
        let paced = self.checked.pace.map(|pause| {
            let pause = duration(pause);
            quote_spanned!(self.place=> .paced(#pause))
        });
        let weight = self.checked.weight.as_ref();
        let weighed = weight.map(|weight| quote!(.weighed(#weight)));
        let price = self.price_of_value();
        let priced = price.map(|price| quote_spanned!(self.place=> .priced(#price)));
        let stream = quote_spanned! {self.place=>
            #larder::memoized(
                __larder_call,
                __larder_shape,
                move |__larder_sink| async move {
                    #lent
                    let __larder_stream #ty = #body;
                    __larder_sink.feed(__larder_stream).await
                },
                #rule,
            ) #paced #weighed #priced
        };
        let stream = if is_boxed {
            quote_spanned!(self.place=> ::std::boxed::Box::pin(#stream))
        } else {
            stream
        };
        quote_spanned! {self.place=>
            #before
            let __larder_call = #larder::call(__larder_site, __larder_shape, #arguments) #tagged;
            #ttl
            #copies
            #stream
        }
    }

    fn synchronous(&self) -> TokenStream {
        let returns = self.returns;
        let before = self.before();
        let hit_or_miss = self.hit_or_miss(&self.enter());
        let tagged = self.tagged_miss();
        let answer_or_turn = self.answer_or_turn(&quote_spanned!(self.place=> ask_for_sync()));
        let ttl = self.ttl();
        let keep = self.keep();
        let body = self.braced(self.function.body.clone());
        quote_spanned! {self.place=>
            #before
            #hit_or_miss
            #tagged
            #answer_or_turn
            #ttl
            let __larder_returned = __larder_turn.compute_sync(move || -> #returns #body);
            #keep
        }
    }

    /// What the call is known by: its site, and the shape of its result.
    fn before(&self) -> TokenStream {
        let Self {
            returns, larder, ..
        } = self;
        let site = self.site();
        if matches!(self.function.form, Form::Stream { .. }) {
            return self.before_stream(&site);
        }
        let probe = match (self.checked.is_plain, self.checked.is_local) {
            (true, true) => quote_spanned!(self.place=> #larder::local_plain::<#returns>()),
            (true, false) => quote_spanned!(self.place=> #larder::plain::<#returns>()),
            (false, is_local) => {
                let probe = if is_local {
                    quote_spanned!(self.place=> LocalProbe)
                } else {
                    quote_spanned!(self.place=> Probe)
                };
                // The first levels are for errors that are `Clone` and live as long as they want,
                // and method resolution sees no lifetimes.
                let levels = if self.function.may_borrow(returns) {
                    quote!(&&&&)
                } else {
                    quote!(&&&&&&&&)
                };
                quote_spanned! {self.place=>
                    (&&(#levels #larder::#probe::<#returns>::new()).__larder_shape()).__larder_wary()
                }
            }
        };
        let methods = (!self.checked.is_plain)
            .then(|| quote_spanned!(self.place=> use #larder::{Probed as _, Wariness as _};));
        let shape = self.shaped(quote_spanned!(self.place=> #larder::checked(#probe)));
        let price = self.price();
        quote_spanned! {self.place=>
            #methods
            let __larder_site = #site;
            let __larder_shape = #shape;
            #price
        }
    }

    /// What an answer takes, for a hit and for a miss.
    fn price(&self) -> Option<TokenStream> {
        let larder = &self.larder;
        let price = self.price_of_value()?;
        Some(quote_spanned! {self.place=>
            let __larder_price = #larder::priced(__larder_shape, #price);
        })
    }

    fn price_of_value(&self) -> Option<TokenStream> {
        let Self {
            checked, larder, ..
        } = self;
        let said = |name, written: Option<&Expr>| {
            let written = written?;
            let body = match written {
                Expr::Closure(closure) => Ends::of(&closure.body).first,
                path => Ends::of(path).first,
            };
            let name = Ident::new(name, Span::call_site().located_at(body));
            let said = quote!(.#name(__larder_value, #written));
            let place = Span::call_site().located_at(Ends::of(written).first);
            Some((place, said))
        };
        let tokens = said("tokens", checked.price.tokens.as_ref());
        let cost = said("cost", checked.price.cost.as_ref());
        let (place, _) = tokens.as_ref().or(cost.as_ref())?;
        let said = [&tokens, &cost].into_iter().flatten().map(|(_, said)| said);
        Some(quote_spanned! {*place=>
            |__larder_value| #larder::Price::default() #(#said)*
        })
    }

    fn before_stream(&self, site: &TokenStream) -> TokenStream {
        let Self {
            returns, larder, ..
        } = self;
        let probe = if self.checked.is_local {
            quote_spanned!(self.place=> LocalStreamProbe)
        } else {
            quote_spanned!(self.place=> StreamProbe)
        };
        let shape = quote_spanned! {self.place=>
            #larder::streamed((&&&&#larder::#probe::<#returns>::new()).__larder_shape())
        };
        let shape = self.shaped(quote_spanned!(self.place=> #larder::checked(#shape)));
        quote_spanned! {self.place=>
            use #larder::StreamProbed as _;
            let __larder_site = #site;
            let __larder_shape = #shape;
        }
    }

    /// The shape with what the options ask of it.
    fn shaped(&self, mut shape: TokenStream) -> TokenStream {
        let larder = &self.larder;
        let staleness = &self.checked.staleness;
        if staleness.shares_errors {
            shape = quote_spanned!(self.place=> #larder::sharing(#shape));
        }
        let survives = staleness.if_error.is_some() && staleness.soft.is_none();
        for (asks, what) in [
            (survives, "surviving"),
            (staleness.hard.is_some(), "limited"),
            (staleness.err_ttl.is_some(), "keeping_errors"),
            (staleness.none_ttl.is_some(), "keeping_none"),
        ] {
            if asks {
                let what = Ident::new(what, self.place);
                shape = quote_spanned!(self.place=> #larder::#what(#shape));
            }
        }
        shape
    }

    fn site(&self) -> TokenStream {
        let Self {
            checked, larder, ..
        } = self;
        let name = self.function.signature.ident.unraw().to_string();
        let mut described = TokenStream::new();
        let kind = &checked.kind;
        described.extend(quote!(.kind(#kind)));
        described.extend(checked.op.as_ref().map(|op| quote!(.op(#op))));
        let version = checked.version.as_ref();
        described.extend(version.map(|version| quote!(.version(#version))));
        if let Some(Lifetime::Fixed(ttl)) = checked.rule.ttl {
            let ttl = duration(ttl);
            described.extend(quote!(.ttl(#ttl)));
        }
        described.extend(self.described_staleness());
        let mut others = TokenStream::new();
        match &checked.key {
            Key::Parameters(parameters) => {
                for KeyParameter {
                    name,
                    role,
                    conditions,
                    ..
                } in parameters
                {
                    let name = name.unraw().to_string();
                    match role {
                        Role::Other => others.extend(quote!(#(#conditions)* #name,)),
                        Role::Text => {
                            let normalization = self.normalization();
                            let normalize = normalization.map(|it| quote!(.normalize(#it)));
                            described.extend(quote!(.text(#name) #normalize));
                        }
                        Role::Question => described.extend(quote!(.question(#name))),
                    }
                }
            }
            Key::Expression(key) => others.append_all([spelled(key.to_token_stream())]),
            Key::Template(template, _) => others.append_all([template]),
        }
        described.extend((!others.is_empty()).then(|| quote!(.others(&[#others]))));
        described.extend(checked.shared.then(|| quote!(.shared())));
        described.extend(checked.is_local.then(|| quote!(.local())));
        let is_sync = matches!(self.function.form, Form::Sync);
        described.extend(is_sync.then(|| quote!(.synchronous())));
        quote!(#larder::site!(#name #described))
    }

    fn described_staleness(&self) -> TokenStream {
        let staleness = &self.checked.staleness;
        let mut described = TokenStream::new();
        for (timed, name) in [
            (&staleness.none_ttl, "none_ttl"),
            (&staleness.err_ttl, "err_ttl"),
            (&staleness.while_revalidate, "stale_while_revalidate"),
            (&staleness.if_error, "stale_if_error"),
            (&staleness.soft, "soft"),
            (&staleness.hard, "hard"),
        ] {
            if let Some(time) = timed {
                let name = Ident::new(name, Span::call_site());
                let duration = duration(*time);
                described.extend(quote!(.#name(#duration)));
            }
        }
        if let Some(part) = &staleness.refresh_ahead {
            described.extend(quote!(.refresh_ahead(#part)));
        }
        if let Some(part) = &staleness.shadow {
            described.extend(quote!(.shadow(#part)));
        }
        described.extend(staleness.is_detached.then(|| quote!(.detached())));
        described.extend(staleness.single_flight.map(|it| match it {
            SingleFlight::Cluster => quote!(.across_processes()),
            SingleFlight::Off => quote!(.alone()),
        }));
        described
    }

    fn enter(&self) -> TokenStream {
        let larder = &self.larder;
        let arguments = self.write_arguments();
        if self.checked.price.is_said() {
            return quote_spanned! {self.place=>
                #larder::enter_priced(__larder_site, __larder_shape, #arguments, __larder_price)
            };
        }
        quote_spanned!(self.place=> #larder::enter(__larder_site, __larder_shape, #arguments))
    }

    fn normalization(&self) -> Option<TokenStream> {
        let larder = &self.larder;
        let name = match self.checked.normalize? {
            Normalize::Trim => quote!(Trim),
            Normalize::Unicode => quote!(Unicode),
        };
        Some(quote!(#larder::TextNormalization::#name))
    }

    /// Ends the call where it is a hit.
    fn hit_or_miss(&self, entered: &TokenStream) -> TokenStream {
        let larder = &self.larder;
        let weight = self.checked.weight.as_ref();
        let weighed = weight.map(|weight| quote!(.weighed(__larder_shape, #weight)));
        let price = &self.checked.price;
        let priced = price
            .is_said()
            .then(|| quote_spanned!(self.place=> .priced(__larder_shape, __larder_price)));
        quote_spanned! {self.place=>
            let __larder_miss = match #entered {
                #larder::Entered::Hit(__larder_hit) => return __larder_hit,
                #larder::Entered::Miss(__larder_miss) => __larder_miss #weighed #priced,
            };
        }
    }

    /// The tags, which the body may consume. By themselves: what prints them cannot be sent to
    /// another thread, so it must not live while something is waited for.
    fn tagged_miss(&self) -> Option<TokenStream> {
        let tagged = self.tagged()?;
        Some(quote_spanned!(self.place=> let __larder_miss = __larder_miss #tagged;))
    }

    fn tagged(&self) -> Option<TokenStream> {
        let tags = self.checked.tags.iter().map(|parts| {
            let mut format = String::new();
            let mut holes = Vec::new();
            for part in parts {
                match part {
                    TemplatePart::Text(text) => {
                        format.push_str(&text.replace('{', "{{").replace('}', "}}"));
                    }
                    TemplatePart::Hole(hole) => {
                        format.push_str("{}");
                        holes.push(hole);
                    }
                }
            }
            quote!(&::core::format_args!(#format #(, #holes)*))
        });
        let tags: Vec<_> = tags.collect();
        (!tags.is_empty()).then(|| quote!(.tagged(&[#(#tags),*])))
    }

    /// Ends the call where somebody else has the answer.
    fn answer_or_turn(&self, ask: &TokenStream) -> TokenStream {
        let larder = &self.larder;
        quote_spanned! {self.place=>
            let __larder_turn = match __larder_miss.#ask.answer(__larder_shape) {
                #larder::Answered::Answer(__larder_answer) => return __larder_answer,
                #larder::Answered::Turn(__larder_turn) => __larder_turn,
            };
        }
    }

    fn keep(&self) -> TokenStream {
        let rule = self.rule(false);
        quote_spanned! {self.place=>
            __larder_turn.keep(__larder_shape, __larder_returned, #rule)
        }
    }

    /// The lifetime where it depends on the arguments, which the body may consume.
    fn ttl(&self) -> Option<TokenStream> {
        match &self.checked.rule.ttl {
            Some(Lifetime::OfCall(ttl)) => Some(quote!(let __larder_ttl = #ttl;)),
            _ => None,
        }
    }

    /// What is asked about the value; a rule that outlives the caller has what it needs.
    fn rule(&self, outlives: bool) -> TokenStream {
        let larder = &self.larder;
        let Rule {
            ttl,
            cache_if,
            unless,
        } = &self.checked.rule;
        let ttl = match ttl {
            Some(Lifetime::OfCall(written)) => {
                let place = Span::call_site().located_at(Ends::of(written).first);
                Some(quote_spanned!(place=> .ttl(__larder_ttl)))
            }
            Some(Lifetime::OfValue(closure)) => {
                let place = Span::call_site().located_at(Ends::of(&closure.body).first);
                Some(quote_spanned!(place=> .ttl_of(__larder_value, #closure)))
            }
            Some(Lifetime::Fixed(_)) | None => None,
        };
        let cache_if = cache_if
            .as_ref()
            .map(|condition| quote!(.cache_if(__larder_value, #condition)));
        let unless = unless
            .as_ref()
            .map(|condition| quote!(.unless(__larder_value, #condition)));
        if ttl.is_none() && cache_if.is_none() && unless.is_none() {
            return quote_spanned!(self.place=> #larder::always);
        }
        let keyword = outlives.then(|| quote!(move));
        quote!(#keyword |__larder_value| #larder::Rule::default() #cache_if #unless #ttl)
    }

    /// A closure that feeds the key writer.
    fn write_arguments(&self) -> TokenStream {
        let arguments: TokenStream = match &self.checked.key {
            Key::Parameters(parameters) => parameters
                .iter()
                .map(|parameter| self.write_parameter(parameter))
                .collect(),
            Key::Expression(key) => write_expression(key),
            Key::Template(_, parts) => parts
                .iter()
                .map(|part| match part {
                    TemplatePart::Text(text) => quote!(__larder_key.arg(#text);),
                    TemplatePart::Hole(hole) => write_expression(hole),
                })
                .collect(),
        };
        quote_spanned!(self.place=> |__larder_key| { #arguments })
    }

    fn write_parameter(&self, parameter: &KeyParameter) -> TokenStream {
        let KeyParameter {
            name, conditions, ..
        } = parameter;
        let allow = allow_underscore(name);
        let write = match (parameter.role, self.normalization()) {
            (Role::Text, None) => return quote!(#allow __larder_key.text(&#name);),
            (Role::Text, Some(how)) => {
                return quote!(#allow __larder_key.text(&#how.normalized(&#name)););
            }
            (Role::Question, _) => quote!(question),
            (Role::Other, _) if parameter.is_options => quote!(options),
            (Role::Other, _) => quote!(arg),
        };
        // The argument spans its type, where an error about what it lacks belongs.
        let Ends { first, last } = parameter.ty;
        let mut argument: Ident = name.clone();
        argument.set_span(last.resolved_at(name.span()));
        let argument = quote_spanned!(first=> &#argument);
        quote!(#(#conditions)* #allow __larder_key.#write(#argument);)
    }

    /// In braces of its own, so that items at the beginning of a body stand at the beginning of a
    /// block; in braces of ours, so that no lint finds them unnecessary.
    fn braced(&self, body: TokenStream) -> TokenTree {
        let place = Span::call_site().located_at(self.function.braces);
        group(Delimiter::Brace, body, place)
    }
}

/// The type with lifetimes that the compiler finds: what a body borrows are its own copies.
fn nearest(ty: &Type) -> Type {
    struct Nearest;

    impl VisitMut for Nearest {
        fn visit_lifetime_mut(&mut self, lifetime: &mut Name) {
            if lifetime.ident != "static" {
                *lifetime = Name::new("'_", lifetime.span());
            }
        }
    }

    let mut ty = ty.clone();
    Nearest.visit_type_mut(&mut ty);
    ty
}

fn duration(duration: Duration) -> TokenStream {
    let seconds = duration.as_secs();
    let nanos = duration.subsec_nanos();
    quote!(::core::time::Duration::new(#seconds, #nanos))
}

fn group(delimiter: Delimiter, tokens: TokenStream, place: Span) -> TokenTree {
    let mut group = Group::new(delimiter, tokens);
    group.set_span(place);
    group.into()
}

/// Whether there may be a `return` that is not in an async block: one in a closure counts too, and
/// so does every macro, which does no harm.
fn may_return_early(body: TokenStream) -> bool {
    let mut is_async = false;
    let mut follows_word = false;
    body.into_iter().any(|token| match token {
        TokenTree::Ident(word) => {
            is_async = word == "async" || (is_async && word == "move");
            follows_word = true;
            word == "return"
        }
        TokenTree::Group(group) => {
            follows_word = false;
            !std::mem::take(&mut is_async) && may_return_early(group.stream())
        }
        TokenTree::Punct(punct) => {
            is_async = false;
            std::mem::take(&mut follows_word) && punct.as_char() == '!'
        }
        TokenTree::Literal(_) => false,
    })
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

/// The name has to be the user's, so a lint on the user's names would take this for their use of it.
fn allow_underscore(name: &Ident) -> Option<TokenStream> {
    let has_underscore = name.to_string().starts_with('_');
    has_underscore.then(|| quote!(#[allow(clippy::used_underscore_binding)]))
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
            let key = group(Delimiter::Parenthesis, key.to_token_stream(), last);
            let argument = quote_spanned!(first=> &#key);
            quote!(__larder_key.arg(#argument);)
        }
    }
}
