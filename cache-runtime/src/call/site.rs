//! Call sites: what is known about an annotated function before the program runs.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use crate::key::{Identity, IdentityParts};
use crate::policy::{Patience, SingleFlight, Staleness, TextNormalization};

/// One annotated function, as [`sites`](crate::sites) lists it.
pub struct CallSite {
    description: Description,
    /// Place of this site in each thread's bindings, given at the first call.
    index: OnceLock<usize>,
}

/// What the attribute and the signature say, as the expansion of `#[cached]` writes it down.
#[derive(Clone, Copy)]
#[doc(hidden)]
#[must_use]
#[expect(missing_debug_implementations, reason = "shown by `CallSite`")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub struct Description {
    kind: &'static str,
    /// `None`: the function's own path.
    op: Option<&'static str>,
    version: Option<&'static str>,
    is_shared: bool,
    is_local: bool,
    is_sync: bool,
    /// `None`: not said, or to be computed.
    ttl: Option<Duration>,
    none_ttl: Option<Duration>,
    err_ttl: Option<Duration>,
    staleness: Staleness,
    patience: Patience,
    single_flight: SingleFlight,
    is_detached: bool,
    module: &'static str,
    function: &'static str,
    file: &'static str,
    line: u32,
    column: u32,
    /// The parameter that is the text of the operation.
    text: Option<&'static str>,
    normalization: TextNormalization,
    /// The parameter that is the question.
    question: Option<&'static str>,
    /// Names of the other parameters that are in the key, sorted; with `key = …` what it says.
    others: &'static [&'static str],
}

impl Description {
    /// Of a function in this place, by an attribute that says nothing.
    pub const fn at(
        function: &'static str,
        module: &'static str,
        file: &'static str,
        line: u32,
        column: u32,
    ) -> Self {
        Self {
            kind: "web",
            op: None,
            version: None,
            is_shared: false,
            is_local: false,
            is_sync: false,
            ttl: None,
            none_ttl: None,
            err_ttl: None,
            staleness: Staleness::NONE,
            patience: Patience::ENDLESS,
            single_flight: SingleFlight::Process,
            is_detached: false,
            module,
            function,
            file,
            line,
            column,
            text: None,
            normalization: TextNormalization::None,
            question: None,
            others: &[],
        }
    }

    pub const fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    pub const fn op(mut self, op: &'static str) -> Self {
        self.op = Some(op);
        self
    }

    pub const fn version(mut self, version: &'static str) -> Self {
        self.version = Some(version);
        self
    }

    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    pub const fn none_ttl(mut self, ttl: Duration) -> Self {
        self.none_ttl = Some(ttl);
        self
    }

    pub const fn err_ttl(mut self, ttl: Duration) -> Self {
        self.err_ttl = Some(ttl);
        self
    }

    pub const fn stale_while_revalidate(mut self, window: Duration) -> Self {
        self.staleness.while_revalidate = window;
        self
    }

    pub const fn stale_if_error(mut self, window: Duration) -> Self {
        self.staleness.if_error = window;
        self
    }

    pub const fn refresh_ahead(mut self, part: f64) -> Self {
        self.staleness.refresh_ahead = Some(part);
        self
    }

    pub const fn shadow(mut self, part: f64) -> Self {
        self.staleness.shadow = Some(part);
        self
    }

    pub const fn soft(mut self, patience: Duration) -> Self {
        self.patience.soft = Some(patience);
        self
    }

    pub const fn hard(mut self, patience: Duration) -> Self {
        self.patience.hard = Some(patience);
        self
    }

    pub const fn alone(mut self) -> Self {
        self.single_flight = SingleFlight::Off;
        self
    }

    pub const fn across_processes(mut self) -> Self {
        self.single_flight = SingleFlight::Cluster;
        self
    }

    pub const fn detached(mut self) -> Self {
        self.is_detached = true;
        self
    }

    pub const fn text(mut self, text: &'static str) -> Self {
        self.text = Some(text);
        self
    }

    pub const fn normalize(mut self, normalization: TextNormalization) -> Self {
        self.normalization = normalization;
        self
    }

    pub const fn question(mut self, question: &'static str) -> Self {
        self.question = Some(question);
        self
    }

    pub const fn others(mut self, others: &'static [&'static str]) -> Self {
        self.others = others;
        self
    }

    pub const fn shared(mut self) -> Self {
        self.is_shared = true;
        self
    }

    pub const fn local(mut self) -> Self {
        self.is_local = true;
        self
    }

    pub const fn synchronous(mut self) -> Self {
        self.is_sync = true;
        self
    }
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

/// An annotated function, with the generic arguments that it is called with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Function {
    pub(crate) site: &'static CallSite,
    /// Tells it from every other function of this process.
    pub(crate) instance: TypeId,
    /// Its path with all generic arguments around it. Other processes understand it too, but two
    /// functions may have the same one.
    pub(crate) path: &'static str,
    /// The type of the values that are kept.
    pub(crate) kept: TypeId,
}

impl Function {
    /// Whether it is one operation with others. Functions whose path has generic arguments keep to
    /// themselves: nothing tells those that mean the same from those that do not.
    pub(crate) fn is_shared(self) -> bool {
        self.site.is_shared() && self.generic().is_none() && !self.is_claimed_twice()
    }

    /// What tells this function from the others in a store, apart from the arguments of a call.
    /// `None` where nothing does that another process would understand: its results are kept in
    /// memory only.
    ///
    /// An operation belongs to one function: where several claim the same one, the function itself
    /// is a part of the identity of each, unless all of them share it.
    pub(crate) fn identity(self) -> Option<Identity> {
        let Description {
            kind,
            version,
            module,
            function,
            file,
            line,
            column,
            text,
            normalization,
            question,
            others,
            ..
        } = self.site.description;
        let generic = self.generic();
        let keeps_to_itself =
            self.is_claimed_twice() || (generic.is_some() && self.site.is_shared());
        let closure = generic.is_some_and(|arguments| arguments.contains("{{closure}}"));
        let in_a_nameless_block = keeps_to_itself && self.path.contains("::_::");
        let is_local = self.site.is_local();
        if is_local || closure || in_a_nameless_block || self.has_a_twin() {
            return None;
        }
        let place = format!("{file}:{line}:{column}");
        // A macro may have written several functions in one place; their paths tell them apart.
        let function = [module, function, &place, self.path];
        Some(Identity::of(&IdentityParts {
            kind,
            operation: &self.site.operation(),
            version,
            generic,
            function: keeps_to_itself.then_some(function),
            has_text: text.is_some(),
            has_question: question.is_some(),
            names: others,
            normalization,
        }))
    }

    /// The part of the path with all its generic arguments.
    fn generic(self) -> Option<&'static str> {
        let (from, to) = self.path.find('<').zip(self.path.rfind('>'))?;
        Some(&self.path[from..to])
    }

    /// Whether a macro wrote several functions of one name in one place: nothing tells them apart
    /// that another process would understand.
    fn has_a_twin(self) -> bool {
        let written = |site: &CallSite| {
            let Description {
                module,
                function,
                file,
                line,
                column,
                ..
            } = site.description;
            (module, function, file, line, column)
        };
        let operation = (self.site.kind(), self.site.operation());
        let claims = CLAIMS.get(&operation).into_iter().flatten();
        let alike = claims.filter(|site| written(site) == written(self.site));
        alike.count() > 1
    }

    /// Whether several functions claim its operation, and are not one operation on purpose.
    fn is_claimed_twice(self) -> bool {
        let operation = (self.site.kind(), self.site.operation());
        CLAIMS
            .get(&operation)
            .is_some_and(|sites| is_unclear(sites))
    }
}

/// How a site enters the list of all sites of the program. The list is made by the linker.
#[derive(Debug)]
#[doc(hidden)]
pub struct Collected(pub &'static CallSite);

inventory::collect!(Collected);

type Claims = BTreeMap<(&'static str, String), Vec<&'static CallSite>>;

/// The sites of the program that claim each operation of each kind, in the order of their places.
static CLAIMS: LazyLock<Claims> = LazyLock::new(|| {
    let mut claims = Claims::new();
    for Collected(site) in inventory::iter::<Collected> {
        let operation = (site.kind(), site.operation());
        claims.entry(operation).or_default().push(site);
    }
    for sites in claims.values_mut() {
        let place = |site: &&CallSite| {
            (
                site.description.file,
                site.description.line,
                site.description.column,
            )
        };
        sites.sort_by_key(place);
    }
    claims
});

fn is_unclear(sites: &[&CallSite]) -> bool {
    sites.len() > 1 && !sites.iter().all(|site| site.is_shared())
}

/// The site that has this operation of this kind, where one alone has it or all that have it are one
/// on purpose.
pub(crate) fn claim(kind: &str, operation: &str) -> Option<&'static CallSite> {
    let claims: &BTreeMap<(&str, String), _> = &CLAIMS;
    let sites = claims.get(&(kind, operation.to_owned()))?;
    sites.first().copied().filter(|_| !is_unclear(sites))
}

/// Every site of the program, by kind, operation and place.
pub(crate) fn sites() -> impl Iterator<Item = &'static CallSite> {
    CLAIMS.values().flatten().copied()
}

/// The sites of each operation that several claim without being one on purpose. Methods of one name
/// that name no operation claim nothing.
pub(crate) fn unclear_claims() -> impl Iterator<Item = &'static [&'static CallSite]> {
    let claims = CLAIMS.values().map(Vec::as_slice);
    let names_it = |site: &&CallSite| site.description.op.is_some();
    claims.filter(move |sites| is_unclear(sites) && sites.iter().any(names_it))
}
