//! What was invalidated when: a whole kind, an operation, a tenant, a tag.
//!
//! The invalidations of a kind are numbered, and each leaves its number at what it invalidated. A
//! computation notes the latest number before it begins, and its entry carries that. An entry is
//! served only while nothing that it belongs to has a later number, so an invalidation costs the
//! same whether one entry belongs to it or a million: each is found out when it is looked up next.
//!
//! A hit pays one comparison for it: an entry that was found untouched carries the number of the
//! latest invalidation at that time, and has nothing to fear until there is another one.
//!
//! A single key that this process invalidates is not numbered: its entry is removed or marked, and
//! [`flight`](crate::flight) sees to what is being computed for it. One that another process
//! invalidates is known by its name in the store alone, and numbered like all else.
//!
//! Where invalidations by others may have been missed, entries are doubted: they are good again when
//! the store says so.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};

use crate::sync::{AtomicU64, Ordering, RwLock, read, write};

/// A bit that no number of an invalidation reaches.
const EXPIRED: u64 = 1 << 63;

/// So many scopes that were invalidated are remembered one by one.
const REMEMBERED: usize = 65_536;

/// What becomes of an entry that is invalidated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Invalidation {
    /// It is over, as at the end of its lifetime.
    Expire,
    /// It serves nobody.
    Remove,
}

/// What is invalidated as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    Kind,
    /// The operation of this number.
    Operation(u32),
    Named(Name),
    /// The entry with this name in the store.
    Key(KeyHash),
}

/// The name of an entry in the store, as a hash. Two that meet are invalidated together, which costs an
/// answer and gives no wrong one. Four bytes, because there may be millions of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeyHash(pub(crate) u32);

impl KeyHash {
    /// Of an entry that no store has.
    pub(crate) const NONE: Self = Self(0);
}

/// A tenant, or a tag of a tenant, as a hash. Two of them that meet are invalidated together, which
/// costs an answer and gives no wrong one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name(u64);

/// The generations of one kind.
pub(crate) struct Generations {
    /// Moves last: who reads it finds the mark that it stands for.
    latest: AtomicU64,
    marks: RwLock<Marks>,
    hasher: RandomState,
}

#[derive(Default)]
struct Marks {
    by_scope: HashMap<Scope, Mark>,
    /// What carries an earlier number belongs to something that is not remembered any more.
    oldest: u64,
    /// What carries an earlier number is doubted.
    doubted: u64,
}

/// Numbers of the last invalidations of one scope; zero: there was none.
#[derive(Clone, Copy, Default)]
struct Mark {
    expired: u64,
    removed: u64,
}

/// What an entry carries.
#[derive(Debug)]
pub(crate) struct Carried {
    /// The latest invalidation before the computation began, or when the entry was last found
    /// untouched. With [`EXPIRED`], where the entry itself was expired.
    seen: AtomicU64,
    /// Of what the entry belongs to besides kind and operation: a thin pointer, because most entries
    /// belong to nothing else, and there may be millions.
    names: Option<Box<Names>>,
}

#[derive(Debug)]
struct Names(Box<[Name]>);

/// Carried by what was invalidated alone, and never the number of an invalidation.
const REVOKED: u64 = u64::MAX;

impl Carried {
    /// Expires the entry that carries this, and no other.
    pub(crate) fn expire(&self) {
        self.seen.fetch_or(EXPIRED, Ordering::Relaxed);
    }

    /// Notes that the entry that carries this is expired, as far as it was when the other one was
    /// noted: a later expiry is told from that.
    pub(crate) fn note_expiry(&self, as_of: &Self) {
        let relaxed = Ordering::Relaxed;
        let as_of = as_of.seen.load(relaxed) & !EXPIRED;
        // One that was revoked stays so.
        let _ = self.seen.fetch_update(relaxed, relaxed, |noted| {
            (noted != REVOKED).then_some((noted & !EXPIRED).max(as_of) | EXPIRED)
        });
    }

    /// Has the entry that carries this served to nobody from now on, as if it had been removed.
    pub(crate) fn revoke(&self) {
        self.seen.store(REVOKED, Ordering::Relaxed);
    }
}

/// Whether an entry was invalidated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Touched {
    No,
    Expired,
    /// And that was [noted](Carried::note_expiry): not again since.
    ExpiredBefore,
    Removed,
}

impl Generations {
    pub(crate) fn new() -> Self {
        Self {
            latest: AtomicU64::new(0),
            marks: RwLock::default(),
            hasher: RandomState::new(),
        }
    }

    /// The name of a tenant or a tag, of what tells it apart from all others.
    pub(crate) fn name(&self, of: impl Hash) -> Name {
        Name(self.hasher.hash_one(of))
    }

    /// To be called before a computation or a look-up into a store begins.
    pub(crate) fn carry(&self, names: &[Name]) -> Carried {
        Carried {
            seen: AtomicU64::new(self.latest.load(Ordering::Acquire)),
            names: (!names.is_empty()).then(|| Box::new(Names(names.into()))),
        }
    }

    /// Whether an entry of this operation, with this name in the store, was invalidated or doubted since
    /// what it carries was noted.
    #[inline]
    pub(crate) fn touched(&self, operation: u32, key: KeyHash, carried: &Carried) -> Touched {
        let latest = self.latest.load(Ordering::Acquire);
        if carried.seen.load(Ordering::Relaxed) == latest {
            return Touched::No;
        }
        self.compare(latest, operation, key, carried, true)
    }

    /// The same for what was just computed: those who wait for it may have it although it is doubted,
    /// and where the store is going to have it, it may be kept. In memory it is looked up in the store
    /// before it is served.
    pub(crate) fn touched_beyond_doubt(
        &self,
        operation: u32,
        key: KeyHash,
        carried: &Carried,
    ) -> Touched {
        let latest = self.latest.load(Ordering::Acquire);
        self.compare(latest, operation, key, carried, false)
    }

    #[cold]
    fn compare(
        &self,
        latest: u64,
        operation: u32,
        key: KeyHash,
        carried: &Carried,
        doubts: bool,
    ) -> Touched {
        let noted = carried.seen.load(Ordering::Relaxed);
        let (seen, expired) = (noted & !EXPIRED, noted & EXPIRED);
        let marks = read(&self.marks);
        let scopes = [Scope::Kind, Scope::Operation(operation), Scope::Key(key)];
        let names = carried.names.iter().flat_map(|names| &names.0);
        let names = names.map(|name| Scope::Named(*name));
        let mut touched = if expired == 0 {
            Touched::No
        } else {
            Touched::ExpiredBefore
        };
        if seen < marks.oldest || noted == REVOKED {
            return Touched::Removed;
        }
        if doubts && seen < marks.doubted {
            touched = Touched::Expired;
        }
        for scope in scopes.into_iter().chain(names) {
            let Some(mark) = marks.by_scope.get(&scope) else {
                continue;
            };
            if mark.removed > seen {
                return Touched::Removed;
            }
            if mark.expired > seen {
                touched = Touched::Expired;
            }
        }
        // What is doubted stays so until the store has been asked.
        if touched == Touched::No && seen >= marks.doubted {
            // Found untouched by everything up to the number that was read before the marks were.
            // Where it was expired or revoked meanwhile, it stays so.
            let (seen, relaxed) = (&carried.seen, Ordering::Relaxed);
            let _ = seen.compare_exchange(noted, latest, relaxed, relaxed);
        }
        touched
    }

    /// Has nothing served any more that was found or computed before, until the store has been asked
    /// about it.
    pub(crate) fn doubt(&self) {
        let mut marks = write(&self.marks);
        let number = self.latest.load(Ordering::Relaxed) + 1;
        marks.doubted = number;
        self.latest.store(number, Ordering::Release);
    }

    /// Returns when nothing is served any more that began before, and says whether there are more
    /// marks than are to be remembered: then [`forget`](Self::forget) is to be called.
    pub(crate) fn invalidate(&self, scope: Scope, how: Invalidation) -> bool {
        let mut marks = write(&self.marks);
        let number = self.latest.load(Ordering::Relaxed) + 1;
        let mark = marks.by_scope.entry(scope).or_default();
        match how {
            Invalidation::Expire => mark.expired = number,
            Invalidation::Remove => mark.removed = number,
        }
        self.latest.store(number, Ordering::Release);
        marks.by_scope.len() > REMEMBERED
    }

    /// Forgets all marks. What is under way is not kept when it ends, and of the entries those stay
    /// that `look_at_all` asks about with [`touched`](Self::touched) and that are untouched.
    pub(crate) fn forget(&self, look_at_all: impl FnOnce()) {
        let latest = self.latest.load(Ordering::Acquire);
        look_at_all();
        let mut marks = write(&self.marks);
        marks
            .by_scope
            .retain(|_, mark| mark.expired.max(mark.removed) > latest);
        marks.oldest = marks.oldest.max(latest);
    }
}
