//! What becomes of a key, for those who listen. How calls end they are told by the
//! [record](crate::observe::Record) of each.

use super::pending::Pending;
use crate::generation::Invalidation;
use crate::memory::SharedEntry;
use crate::observe::{Details, Extent, Happened, InvalidationOrigin, Of, Wanted};
use crate::policy::Ttl;

impl Pending {
    /// This is kept from now on.
    pub(super) fn tell_stored(&self, entry: &SharedEntry, ttl: Ttl) {
        self.tell(Happened::Stored { ttl }, Some(entry));
    }

    /// This is not served any more, or in place of failures alone.
    pub(super) fn tell_invalidated(&self, how: Invalidation) {
        let what = Happened::Invalidated {
            extent: Extent::Key,
            how,
            origin: InvalidationOrigin::Here,
        };
        self.tell(what, None);
    }

    fn tell(&self, what: Happened, entry: Option<&SharedEntry>) {
        let of = Of::Operation(self.operation.number);
        self.kind.events.tell(of, what, |wanted: Wanted| Details {
            tenant: self.tenant.clone(),
            key: wanted.keys.then(|| self.name_in_store()).flatten(),
            entry: entry.filter(|_| wanted.values).cloned(),
        });
    }
}
