//! The record of one call: how it ended is counted here, once, whatever becomes of it.

use std::sync::Arc;
use std::time::Instant;

use super::counters::TenantCounters;
use super::{Details, Ending, EventKind, Events, Happened, Of, Timed};
use crate::call::{MissReason, Operation, Origin};
use crate::memory::SharedEntry;
use crate::policy::TextMark;

/// A call or a look-up that has not been answered on the short way. Dropped before it has ended, it was
/// abandoned, or its body has panicked.
#[derive(Debug)]
#[must_use]
pub(crate) struct Record {
    operation: Arc<Operation>,
    text: TextMark,
    /// Of its text, where that is counted.
    characters: Option<usize>,
    /// The numbers of the tenant.
    tenant: Option<Arc<TenantCounters>>,
    began: Instant,
    why: Option<MissReason>,
    has_ended: bool,
    /// Where somebody listens.
    tells: Option<Box<Tells>>,
}

/// Who is told how a call ends, and of whose.
#[derive(Debug)]
struct Tells {
    events: Arc<Events>,
    tenant: Option<Arc<str>>,
    key: Option<String>,
}

impl Record {
    /// Of a call that begins now.
    pub(crate) fn begin(
        operation: Arc<Operation>,
        text: TextMark,
        tenant: Option<Arc<TenantCounters>>,
    ) -> Self {
        Self {
            operation,
            text,
            characters: None,
            tenant,
            began: Instant::now(),
            why: None,
            has_ended: false,
            tells: None,
        }
    }

    /// Of a call whose text is counted.
    pub(crate) fn of_text(mut self, characters: Option<usize>) -> Self {
        self.characters = characters;
        self
    }

    /// Has those told who listen how it ends.
    pub(crate) fn tell(&mut self, events: &Arc<Events>, tenant: Option<&str>) {
        let mut kinds = EventKind::HITS.into_iter().chain([EventKind::Miss]);
        if kinds.any(|kind| events.wants(kind)) {
            self.tells = Some(Box::new(Tells {
                events: events.clone(),
                tenant: tenant.map(Arc::from),
                key: None,
            }));
        }
    }

    /// The name of its key in a store, for those.
    pub(crate) fn name(&mut self, key: impl FnOnce() -> Option<String>) {
        if let Some(tells) = self.tells.as_mut().filter(|it| it.events.wants_keys()) {
            tells.key = key();
        }
    }

    /// Notes why the cache did not have the answer.
    pub(crate) fn note(&mut self, why: MissReason) {
        self.why = Some(why);
    }

    /// The call has ended with this entry, from here.
    pub(crate) fn hit(&mut self, entry: &SharedEntry, origin: Origin) {
        if let Some(tells) = self.tells.take() {
            tells.tell(&self.operation, Happened::Hit(origin), Some(entry));
        }
        self.end(origin.hit());
    }

    /// The call has ended like this. Where it had ended before, its body has run for others.
    pub(crate) fn end(&mut self, ending: Ending) {
        if self.has_ended {
            return self.operation.counters.count_refreshed();
        }
        self.end_untimed(ending);
        let what = match ending {
            Ending::MemoryHit => Timed::MemoryHit,
            Ending::Joined => Timed::Joined,
            _ if ending.is_hit() => Timed::OtherHit,
            // Its body is still to run, and nobody looks on.
            Ending::NoKey | Ending::NoTenant | Ending::TextTooLong => return,
            _ if ending.is_miss() => Timed::Miss,
            _ => return,
        };
        self.operation.counters.time(what, self.began.elapsed());
    }

    /// The same for a call of which nobody knows how long it took.
    pub(crate) fn end_untimed(&mut self, ending: Ending) {
        self.has_ended = true;
        let counters = &self.operation.counters;
        counters.count(self.text, self.tenant.as_deref(), ending, self.why);
        if let Some(characters) = self.characters {
            counters.count_text(characters);
        }
        if let Some(tells) = self.tells.take() {
            let reason = self.why;
            if ending.is_miss() {
                tells.tell(&self.operation, Happened::Miss { reason, ending }, None);
            } else if ending == Ending::Joined {
                // Without an entry: it has read along while that was made.
                tells.tell(&self.operation, Happened::Hit(Origin::Joined), None);
            }
        }
    }

    /// The call begins anew, and is counted there.
    pub(crate) fn pass_on(mut self) {
        self.has_ended = true;
    }
}

impl Tells {
    fn tell(self, operation: &Operation, what: Happened, entry: Option<&SharedEntry>) {
        let Self {
            events,
            tenant,
            key,
        } = self;
        events.tell(Of::Operation(operation.number), what, |wanted| Details {
            tenant,
            key,
            entry: entry.filter(|_| wanted.values).cloned(),
        });
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !self.has_ended {
            // It may be another panic on this thread that drops it: `Ending::Panicked` says so.
            self.end(if std::thread::panicking() {
                Ending::Panicked
            } else {
                Ending::Abandoned
            });
        }
    }
}
