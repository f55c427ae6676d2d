//! Results from entries.

use std::any::TypeId;
use std::sync::Arc;
use std::time::Duration;

use super::shape::{Company, Shape};
use crate::envelope::{Erased, ValueType, Wanted, Whole};
use crate::memory::{Absent, Entry, Failure, SharedEntry};

/// What the results of one shape are, for code that is compiled once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Results {
    pub(crate) value_type: Option<ValueType>,
    kept: TypeId,
    has_none: bool,
    failure: Option<TypeId>,
    pub(crate) company: Company,
}

impl Results {
    pub(crate) fn of_shape<S: Shape>(_shape: S) -> Self {
        Self::of::<S>()
    }

    pub(crate) fn of<S: Shape>() -> Self {
        Self {
            value_type: S::value_type(),
            kept: TypeId::of::<S::Kept>(),
            has_none: S::none().is_some(),
            failure: S::shared_type(),
            company: S::company(),
        }
    }

    /// What of them a store may have, if it may have anything, for one who takes it past its
    /// lifetime for so long.
    pub(crate) fn in_store(&self, kept_for: Duration) -> Option<Wanted> {
        Some(Wanted {
            value_type: self.value_type?,
            has_none: self.has_none,
            kept_for,
        })
    }

    /// Whether such a result can be made of the entry.
    pub(crate) fn has(&self, entry: &Entry) -> bool {
        let value = &entry.value;
        if let Some(Failure(failure)) = value.downcast_ref() {
            return self.failure == Some((**failure).type_id());
        }
        value.type_id() == self.kept || (self.has_none && value.is::<Absent>())
    }
}

/// The result that a value in memory stands for.
#[inline]
pub(crate) fn served<S: Shape>(value: &Erased) -> Option<S::Returned> {
    match value.downcast_ref::<S::Kept>() {
        Some(kept) => Some(S::returned(kept.clone())),
        None => negative::<S>(value),
    }
}

/// The same for an entry that was read for this call: where nobody else has it, its value is handed
/// over and not cloned.
pub(super) fn handed_over<S: Shape>(entry: SharedEntry, whole: Whole) -> Option<S::Returned> {
    let Ok(whole) = whole.downcast::<Entry<S::Kept>>() else {
        return negative::<S>(&entry.value);
    };
    drop(entry);
    let kept = Arc::try_unwrap(whole).map_or_else(|it| it.value.clone(), |it| it.value);
    Some(S::returned(kept))
}

#[cold]
fn negative<S: Shape>(value: &Erased) -> Option<S::Returned> {
    if let Some(Failure(failure)) = value.downcast_ref() {
        return S::failure(failure.as_ref());
    }
    S::none().filter(|_| value.is::<Absent>())
}
