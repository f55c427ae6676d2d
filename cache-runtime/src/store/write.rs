//! One write to the store, from the value to its bytes.

use std::time::Duration;

use super::{FoldedGenerations, Held, Tombstone};
use crate::clock::{UnixMillis, millis};
use crate::envelope::{self, Format, Times, Unstorable, ValueType};
use crate::memory::SharedEntry;

/// What is on its way to the store: an entry, or the end of one.
pub(crate) struct Write {
    pub(super) key: String,
    /// Among all writes, given when it is queued.
    pub(super) number: u64,
    pub(super) content: Content,
    /// The entry, where the write is refused if the key was removed after the look-up that saw the
    /// tombstone; nobody is to have it then.
    refusable: Option<SharedEntry>,
    /// Whether others may have an older entry in memory that is not to be served any more.
    pub(super) is_news: bool,
    /// The claim under which the entry was computed.
    pub(super) held: Option<Held>,
}

pub(super) enum Content {
    /// The key is to be removed.
    Removal(Tombstone),
    /// What is there is to be removed, and the tombstone before it stays: this one, or none, when the
    /// key was looked up.
    End(Option<Tombstone>),
    Unsealed(Unsealed),
    Sealed(Sealed),
}

pub(super) struct Unsealed {
    /// How long it is fresh.
    pub(super) ttl: Duration,
    /// How long it is kept when that is over.
    pub(super) kept_for: Duration,
    pub(super) entry: SharedEntry,
    pub(super) value_type: ValueType,
    pub(super) created: UnixMillis,
    pub(super) generations: FoldedGenerations,
    /// What its bytes begin with.
    pub(super) tombstone: Option<Tombstone>,
    /// Whether the application has set it.
    pub(super) is_anew: bool,
}

/// The bytes of an entry, and how long the store keeps them.
pub(super) struct Sealed {
    pub(super) bytes: Vec<u8>,
    pub(super) ttl: Duration,
}

impl Write {
    /// Of an entry that was computed after a look-up saw this tombstone, or none.
    pub(super) fn entry(key: String, unsealed: Unsealed) -> Self {
        Self {
            key,
            number: 0,
            refusable: Some(unsealed.entry.clone()),
            is_news: false,
            held: None,
            content: Content::Unsealed(unsealed),
        }
    }

    pub(super) fn removal(key: String) -> Self {
        Self::of(key, Content::Removal(Tombstone::new()))
    }

    /// The end of an entry that is not what is to be served any more: it is no news for those who
    /// compute another one. `seen` is what it was found behind.
    pub(super) fn end(key: String, seen: Option<Tombstone>) -> Self {
        Self::of(key, Content::End(seen))
    }

    fn of(key: String, content: Content) -> Self {
        Self {
            key,
            number: 0,
            // Nobody has asked for an end: what others have in memory is theirs.
            is_news: !matches!(content, Content::End(_)),
            content,
            refusable: None,
            held: None,
        }
    }

    /// The same write of what a caller wanted computed anew.
    pub(crate) fn refreshed(mut self) -> Self {
        self.is_news = true;
        self
    }

    /// The same write, which ends this claim.
    pub(crate) fn under(mut self, held: Option<Held>) -> Self {
        self.held = held;
        self
    }

    /// The same write in the place of whatever is there: of what was computed before, nothing is
    /// written any more.
    pub(crate) fn anew(mut self) -> Self {
        if let Content::Unsealed(unsealed) = &mut self.content {
            unsealed.tombstone = Some(Tombstone::new());
            unsealed.is_anew = true;
        }
        self.refusable = None;
        self.is_news = true;
        self
    }

    /// Whether it brings an entry.
    pub(super) fn has_value(&self) -> bool {
        matches!(self.content, Content::Unsealed(_) | Content::Sealed(_))
    }

    /// With its bytes made now, by `seal`. Without any, the key is removed: what it held before is
    /// not its value any more.
    pub(super) fn sealed(mut self, seal: impl FnOnce(&str, &Unsealed) -> Option<Sealed>) -> Self {
        let Content::Unsealed(unsealed) = &self.content else {
            return self;
        };
        if let Some(sealed) = seal(&self.key, unsealed) {
            self.content = Content::Sealed(sealed);
            return self;
        }
        let content = match unsealed.tombstone {
            Some(ours) if unsealed.is_anew => Content::Removal(ours),
            seen => Content::End(seen),
        };
        Self {
            number: self.number,
            is_news: self.is_news,
            ..Self::of(self.key, content)
        }
    }

    /// Gives it its place among all writes of this process. The tombstone that it leaves says so too:
    /// where it was given up and arrives late, it does not take the place of what came after it.
    pub(super) fn number(&mut self, process: u32, number: u64) {
        self.number = number;
        if !self.leaves_new_tombstone() {
            return;
        }
        let tombstone = Tombstone::of_write(process, number);
        match &mut self.content {
            Content::Removal(removal) => *removal = tombstone,
            Content::Unsealed(unsealed) => unsealed.tombstone = Some(tombstone),
            Content::Sealed(sealed) => {
                if let Some(bytes) = sealed.bytes.first_chunk_mut() {
                    *bytes = tombstone.to_bytes();
                }
            }
            Content::End(_) => {}
        }
    }

    /// What the key has from then on, before an entry or alone.
    pub(super) fn tombstone(&self) -> Option<Tombstone> {
        match &self.content {
            Content::Removal(tombstone) => Some(*tombstone),
            Content::End(seen) => *seen,
            Content::Unsealed(unsealed) => unsealed.tombstone,
            Content::Sealed(sealed) => Tombstone::of(&sealed.bytes),
        }
    }

    pub(super) fn is_refusable(&self) -> bool {
        self.refusable.is_some()
    }

    /// This write and a later one of the same key in one.
    pub(super) fn then(self, mut later: Self) -> Self {
        if self.leaves_new_tombstone() && !later.leaves_new_tombstone() {
            // Queued before the other one was looked up, if the key was forgotten as unsettled.
            let number = later.number;
            return Self { number, ..self };
        }
        if self.tombstone() != later.tombstone() {
            // One of two that were computed is from before a removal, and the store knows which; or
            // the later one is that removal.
            self.revoke();
        }
        later.is_news |= self.is_news;
        later
    }

    /// Whether it leaves a tombstone that nobody has seen, whatever is there.
    pub(super) fn leaves_new_tombstone(&self) -> bool {
        match &self.content {
            Content::Removal(_) => true,
            Content::End(_) => false,
            Content::Unsealed(_) | Content::Sealed(_) => !self.is_refusable(),
        }
    }

    /// Has the entry served to nobody.
    pub(super) fn revoke(&self) {
        if let Some(entry) = &self.refusable {
            entry.head.carried.revoke();
        }
    }
}

impl Unsealed {
    pub(super) fn seal(&self, key: &str, format: &Format) -> Result<Sealed, Unstorable> {
        let fresh_until = self.created.saturating_add(millis(self.ttl));
        let times = Times {
            created: self.created,
            fresh_until,
            kept_until: fresh_until.saturating_add(millis(self.kept_for)),
        };
        let (value, value_type) = (&self.entry.value, self.value_type);
        let mut bytes = envelope::seal(key, value, value_type, times, self.generations, format)?;
        if let Some(tombstone) = self.tombstone {
            bytes.splice(..0, tombstone.to_bytes());
        }
        let mut ttl = self.ttl.saturating_add(self.kept_for);
        if self.tombstone.is_some() && !self.is_anew {
            // As long as there may be a computation that the tombstone refuses. Readers look at the
            // entry's own times.
            ttl = ttl.max(Tombstone::LIFETIME);
        }
        Ok(Sealed { bytes, ttl })
    }
}
