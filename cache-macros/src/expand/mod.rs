//! The checked model to tokens.
//!
//! Here: the steps that a call goes through, and `async fn`s and functions that are not async, which
//! go through all of them in one place. `future` and `stream` put them together in their own way. What
//! the steps are made of: `site`, `shape`, `key`, `rule`, `copies`.

mod copies;
mod future;
mod key;
mod rule;
mod shape;
mod site;
mod stream;

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{FnArg, Pat, Signature, Type};

use crate::check::{Checked, TemplatePart};
use crate::krate;
use crate::signature::{Argument, AsyncBlock, Ends, Form, Function};

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

    /// What the call is known by, and what an answer takes.
    fn before(&self) -> TokenStream {
        let known = self.site_and_shape();
        let price = self.price();
        quote_spanned!(self.place=> #known #price)
    }

    /// What the call is known by.
    fn site_and_shape(&self) -> TokenStream {
        let site = self.site();
        let (traits, shape) = self.shape();
        quote_spanned! {self.place=>
            #traits
            let __larder_site = #site;
            let __larder_shape = #shape;
        }
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

    /// In braces of its own, so that items at the beginning of a body stand at the beginning of a
    /// block; in braces of ours, so that no lint finds them unnecessary.
    fn braced(&self, body: TokenStream) -> TokenTree {
        let place = Span::call_site().located_at(self.function.braces);
        group(Delimiter::Brace, body, place)
    }
}

fn group(delimiter: Delimiter, tokens: TokenStream, place: Span) -> TokenTree {
    let mut group = Group::new(delimiter, tokens);
    group.set_span(place);
    group.into()
}
