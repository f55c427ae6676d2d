//! A function that makes its future by itself.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ReturnType;

use super::Expansion;

impl Expansion<'_> {
    /// The body makes its future at once, as without the attribute, and so is the key written at
    /// once: the future that is returned may outlive the arguments.
    pub(super) fn future(&self, is_boxed: bool) -> TokenStream {
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
            let __larder_call = __larder_call.made();
            #future
        }
    }
}

/// Whether there may be a `return` that is not in an async block: one in a closure counts too, and
/// so does every macro, which does no harm.
pub(super) fn may_return_early(body: TokenStream) -> bool {
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
