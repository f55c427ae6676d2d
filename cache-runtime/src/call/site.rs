//! Call sites: what is known about an annotated function before the program runs.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::description::Description;
use crate::policy::{Patience, SingleFlight, Staleness, TextNormalization};

/// One annotated function, as [`sites`](crate::sites) lists it.
pub struct CallSite {
    pub(super) description: Description,
    /// Place of this site in each thread's bindings, given at the first call.
    index: OnceLock<usize>,
}

/// The site of the function that this stands in. Written by an expansion.
#[doc(hidden)]
#[macro_export]
macro_rules! __larder_site {
    ($function:literal $($described:tt)*) => {{
        static SITE: $crate::expansion::CallSite = $crate::expansion::CallSite::new(
            $crate::expansion::Description::at(
                $function,
                ::core::module_path!(),
                ::core::file!(),
                ::core::line!(),
                ::core::column!(),
            )
            $($described)*
        );
        $crate::expansion::inventory::submit! {
            $crate::expansion::Collected(&SITE)
        }
        &SITE
    }};
}

impl std::fmt::Debug for CallSite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallSite")
            .field("kind", &self.kind())
            .field("operation", &self.operation())
            .field("function", &self.function())
            .field("file", &self.file())
            .field("line", &self.line())
            .field("parameters", &self.parameters())
            .finish_non_exhaustive()
    }
}

impl CallSite {
    /// A site with this description, for one `static`.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(description: Description) -> Self {
        Self {
            description,
            index: OnceLock::new(),
        }
    }

    /// The kind that the attribute names.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.description.kind
    }

    /// The operation that the attribute names, or the function's path.
    #[must_use]
    pub fn operation(&self) -> String {
        match self.description.op {
            Some(op) => op.to_owned(),
            None => self.function(),
        }
    }

    /// Path of the module and name of the function; of a method, without the type.
    #[must_use]
    pub fn function(&self) -> String {
        format!("{}::{}", self.description.module, self.description.function)
    }

    /// The source file, as the compiler was given it.
    #[must_use]
    pub fn file(&self) -> &'static str {
        self.description.file
    }

    /// The line of the attribute in the file, from 1.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.description.line
    }

    /// Names of the parameters that are in the key, sorted; with `key = …` what it says.
    #[must_use]
    pub fn parameters(&self) -> Vec<&'static str> {
        let Description {
            text,
            question,
            others,
            ..
        } = self.description;
        let mut parameters: Vec<_> = others.iter().copied().chain(text).chain(question).collect();
        parameters.sort_unstable();
        parameters
    }

    /// What of the text counts in the key.
    #[must_use]
    pub fn normalization(&self) -> TextNormalization {
        self.description.normalization
    }

    /// Whether the attribute says `shared`.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.description.is_shared
    }

    /// Whether the attribute says `local`: results stay in memory.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.description.is_local
    }

    pub(super) fn is_sync(&self) -> bool {
        self.description.is_sync
    }

    pub(crate) fn ttl(&self) -> Option<Duration> {
        self.description.ttl
    }

    pub(crate) fn none_ttl(&self) -> Option<Duration> {
        self.description.none_ttl
    }

    pub(crate) fn err_ttl(&self) -> Option<Duration> {
        self.description.err_ttl
    }

    pub(crate) fn staleness(&self) -> Staleness {
        self.description.staleness
    }

    pub(super) fn patience(&self) -> Patience {
        self.description.patience
    }

    pub(crate) fn single_flight(&self) -> SingleFlight {
        self.description.single_flight
    }

    /// Whether a computation goes on when its caller does not wait for it any more.
    pub(crate) fn is_detached(&self) -> bool {
        self.description.is_detached || self.description.patience.soft.is_some()
    }

    #[inline]
    pub(super) fn index(&self) -> usize {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        *self
            .index
            .get_or_init(|| NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// How a site enters the list of all sites of the program. The list is made by the linker.
#[derive(Debug)]
#[doc(hidden)]
pub struct Collected(pub &'static CallSite);

inventory::collect!(Collected);
