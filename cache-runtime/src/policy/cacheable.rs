//! Which answers are worth keeping: those that are complete.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use serde_json::Value;

/// An answer that knows whether it is one to keep: complete and successful. One that is truncated,
/// filtered, empty or failed is not kept, and the next call runs the body again.
///
/// A `#[cached]` function finds the implementation by itself, for the part of its result that would
/// be kept, in the kind `ai` and in every kind with settings for language models
/// ([`CacheConfigBuilder::ai`](crate::CacheConfigBuilder::ai)). Other kinds do not ask: there an empty
/// text may well be the answer. What holds in every kind is `cache_if`, with
/// `cache_if = larder::Cacheable::is_cacheable` this very question. A type that does not implement the
/// trait is kept as ever, and so is the result with `value = plain`. The caller, and the calls that
/// waited for it, get an answer that is not kept all the same. A panic in
/// [`is_cacheable`](Self::is_cacheable) counts as `false`, and in
/// [`CacheStats::rule_panics`](crate::CacheStats::rule_panics).
///
/// The chunks of a stream are not asked: a blank one is a part of the answer like any other. Those kinds
/// keep a stream if it has a chunk; `cache_if` sees all of them together.
///
/// In a generic function only a bound is seen: without `T: Cacheable`, a `T` is kept as ever, and so is
/// a `Vec<T>`.
///
/// | implemented for | kept |
/// |---|---|
/// | `str`, `String`, and `Box`, `Arc`, `Cow` of them | unless it is blank |
/// | `Vec<T>`, `VecDeque<T>`, slices and arrays of a `Cacheable` | unless it is empty, or has an element that is not to be kept |
/// | maps and sets of anything | unless they are empty |
/// | `Option<T>` of a `Cacheable` | a `Some` of what is to be kept |
/// | `&T`, `Box<T>`, `Arc<T>`, `Cow<T>` of a `Cacheable` | as the `T` |
/// | `serde_json::Value` | unless it is `null`, a blank text, an empty array or an empty object |
/// | numbers, `bool`, `char`, `()` | always |
///
/// ```
/// # use cache_runtime as larder;
/// use larder::Cacheable;
///
/// struct Completion {
///     text: String,
///     finish_reason: &'static str,
///     total_tokens: u64,
/// }
///
/// impl Cacheable for Completion {
///     fn is_cacheable(&self) -> bool {
///         self.finish_reason == "stop" && self.text.is_cacheable()
///     }
///
///     // For the savings of `AiCache`; most types have no need of it.
///     fn tokens(&self) -> Option<u64> {
///         Some(self.total_tokens)
///     }
/// }
///
/// let text = "The sea was".to_owned();
/// let cut = Completion { text, finish_reason: "length", total_tokens: 12 };
/// assert!(!cut.is_cacheable());
/// assert!(!" \n".is_cacheable());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say whether it is to be kept",
    label = "this does not implement `larder::Cacheable`",
    note = "write `impl larder::Cacheable for …`, which says of which answers nothing is kept: \
            those that are truncated, filtered, empty or failed"
)]
pub trait Cacheable {
    /// Whether this is a complete, successful answer.
    ///
    /// Asked once, when it was computed, by the task that computed it: never on a hit.
    fn is_cacheable(&self) -> bool;

    /// How many tokens it took, where it knows that. Nothing, unless a type says otherwise.
    ///
    /// [`AiCache`](crate::AiCache) counts it in [`Savings`](crate::Savings), and asks it of each
    /// answer, hits too. Of an annotated function it is the attribute that says it (`tokens = …`), and
    /// this is not asked. A panic goes no further; it is counted in
    /// [`Savings::bad_prices`](crate::Savings::bad_prices).
    fn tokens(&self) -> Option<u64> {
        None
    }

    /// What it cost, where it knows that, in whatever unit of money the application counts in: as
    /// [`tokens`](Self::tokens), and `cost = …` in the attribute of a function. One that is negative,
    /// infinite or no number is counted as one that panics.
    fn cost(&self) -> Option<f64> {
        None
    }
}

impl Cacheable for str {
    fn is_cacheable(&self) -> bool {
        !self.trim().is_empty()
    }
}

impl Cacheable for String {
    fn is_cacheable(&self) -> bool {
        self.as_str().is_cacheable()
    }
}

impl<T: Cacheable> Cacheable for [T] {
    fn is_cacheable(&self) -> bool {
        !self.is_empty() && self.iter().all(T::is_cacheable)
    }
}

impl<T: Cacheable, const N: usize> Cacheable for [T; N] {
    fn is_cacheable(&self) -> bool {
        self.as_slice().is_cacheable()
    }
}

impl<T: Cacheable> Cacheable for Vec<T> {
    fn is_cacheable(&self) -> bool {
        self.as_slice().is_cacheable()
    }
}

impl<T: Cacheable> Cacheable for VecDeque<T> {
    fn is_cacheable(&self) -> bool {
        !self.is_empty() && self.iter().all(T::is_cacheable)
    }
}

impl<T: Cacheable> Cacheable for Option<T> {
    fn is_cacheable(&self) -> bool {
        self.as_ref().is_some_and(T::is_cacheable)
    }
}

/// They are what is inside of them.
macro_rules! as_inside {
    ($($pointer:ty $(where $bound:ident)?),*) => {$(
        impl<T: Cacheable + ?Sized $(+ $bound)?> Cacheable for $pointer {
            fn is_cacheable(&self) -> bool {
                T::is_cacheable(self)
            }

            fn tokens(&self) -> Option<u64> {
                T::tokens(self)
            }

            fn cost(&self) -> Option<f64> {
                T::cost(self)
            }
        }
    )*};
}

as_inside!(&T, Box<T>, Arc<T>, Cow<'_, T> where ToOwned);

impl Cacheable for Value {
    fn is_cacheable(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(_) | Self::Number(_) => true,
            Self::String(text) => text.is_cacheable(),
            Self::Array(elements) => !elements.is_empty(),
            Self::Object(fields) => !fields.is_empty(),
        }
    }
}

macro_rules! unless_empty {
    ($($collection:ident<$($parameter:ident),+>),*) => {$(
        impl<$($parameter),+> Cacheable for $collection<$($parameter),+> {
            fn is_cacheable(&self) -> bool {
                !self.is_empty()
            }
        }
    )*};
}

unless_empty!(HashMap<K, V, S>, BTreeMap<K, V>, HashSet<K, S>, BTreeSet<K>);

macro_rules! always {
    ($($plain:ty),*) => {$(
        impl Cacheable for $plain {
            fn is_cacheable(&self) -> bool {
                true
            }
        }
    )*};
}

always!(
    (),
    bool,
    char,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    f32,
    f64
);
