//! Call sites: what is known about an annotated function before the program runs.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use crate::key::Identity;

/// One annotated function.
#[derive(Debug)]
pub struct CallSite {
    description: Description,
    /// Place of this site in each thread's bindings, given at the first call.
    index: OnceLock<usize>,
}

/// What the attribute and the signature say, as the expansion of `#[cached]` writes it down.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Description {
    pub kind: &'static str,
    /// `None`: the function's own path.
    pub op: Option<&'static str>,
    pub ttl: Option<Duration>,
    pub module: &'static str,
    pub function: &'static str,
    pub file: &'static str,
    pub line: u32,
    pub column: u32,
    /// Names of the parameters that are in the key, in order; with `key = …` the expression.
    pub parameters: &'static [&'static str],
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
            None => format!("{}::{}", self.description.module, self.description.function),
        }
    }

    pub(crate) fn ttl(&self) -> Option<Duration> {
        self.description.ttl
    }

    #[inline]
    pub(super) fn index(&self) -> usize {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        *self
            .index
            .get_or_init(|| NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// An annotated function, with the generic arguments that it is called with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Function {
    pub(crate) site: &'static CallSite,
    /// Tells it from every other function of this process.
    pub(crate) instance: TypeId,
    /// Its path with all generic arguments around it. Other processes understand it too, but two
    /// functions may have the same one.
    pub(crate) path: &'static str,
}

impl Function {
    /// What tells this function from the others in a store, apart from the arguments of a call.
    /// `None` where nothing does that another process would understand: its results are kept in
    /// memory only.
    ///
    /// An operation belongs to one function: where several claim the same one, the function itself
    /// is a part of the identity of each.
    pub(crate) fn identity(self) -> Option<Identity> {
        let Description {
            module,
            function,
            file,
            line,
            column,
            parameters,
            ..
        } = self.site.description;
        let operation = self.site.operation();
        let claims = CLAIMS.get(&(self.site.kind(), operation.clone()));
        let is_shared = claims.is_some_and(|claims| *claims > 1);
        let generic = self.path.find('<').zip(self.path.rfind('>'));
        let generic = generic.map(|(from, to)| &self.path[from..to]);

        let closure = generic.is_some_and(|arguments| arguments.contains("{{closure}}"));
        let in_a_nameless_block = is_shared && self.path.contains("::_::");
        if closure || in_a_nameless_block {
            return None;
        }
        let place = format!("{file}:{line}:{column}");
        let mut parts = vec![self.site.kind(), &operation];
        if is_shared {
            parts.extend(["function", module, function, &place]);
        }
        // A macro may have written several functions in one place; their paths tell them apart.
        if is_shared || generic.is_some() {
            parts.extend(["path", self.path]);
        }
        parts.push("parameters");
        parts.extend(parameters);
        Some(Identity::of(&parts))
    }
}

/// How a site enters the list of all sites of the program. The list is made by the linker.
#[derive(Debug)]
#[doc(hidden)]
pub struct Collected(pub &'static CallSite);

inventory::collect!(Collected);

/// How many sites of the program claim each operation of each kind.
static CLAIMS: LazyLock<HashMap<(&'static str, String), usize>> = LazyLock::new(|| {
    let mut claims = HashMap::new();
    for Collected(site) in inventory::iter::<Collected> {
        *claims.entry((site.kind(), site.operation())).or_default() += 1;
    }
    claims
});
