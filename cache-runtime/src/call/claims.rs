//! Which function an operation belongs to, and what tells a function from all others.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::description::Description;
use super::site::{CallSite, Collected};
use crate::key::{Identity, IdentityParts};

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
