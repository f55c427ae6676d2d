//! What a removal leaves in the store, so that no process brings back a value from before it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::random;

const MAGIC: [u8; 4] = *b"LRDT";
const VERSION: u8 = 1;

/// What a removal leaves under a key in the place of its entry: two numbers that no other removal
/// has, one of the process and one that counts what it does.
///
/// A computation that began before the removal has not seen the number, and its value is refused
/// ([`Store::set_unless_removed`](crate::Store::set_unless_removed)). One that began after it has,
/// and its value takes the place of the tombstone, with the tombstone's bytes before its own: so
/// the older computation is refused then, too. A value that the application sets has a new
/// tombstone before it, which none of them has seen.
///
/// ```
/// # use cache_runtime as larder;
/// use larder::Tombstone;
///
/// assert_eq!(Tombstone::of(b"some other bytes"), None);
/// # fn example(tombstone: Tombstone) {
/// let mut stored = tombstone.to_bytes().to_vec();
/// assert!(Tombstone::is_all(&stored));
/// stored.extend(b"an entry");
/// assert_eq!(Tombstone::of(&stored), Some(tombstone));
/// assert!(!Tombstone::is_all(&stored));
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tombstone(u64);

impl Tombstone {
    /// Bytes of a tombstone.
    pub const LENGTH: usize = 16;

    /// How long a store keeps a tombstone that nothing takes the place of: ten minutes, which is
    /// how long clients of language models wait for an answer if nobody tells them otherwise.
    ///
    /// A computation that began before a removal and ends later than this after it is not
    /// recognized as old any more by other processes, unless there is a newer value. A removal by
    /// pattern does not renew a tombstone that it finds alone.
    pub const LIFETIME: Duration = Duration::from_secs(10 * 60);

    /// One that was never left anywhere, for one removal alone, or for one by pattern.
    pub(super) fn new() -> Self {
        Self(random().min(UNKNOWN - 1))
    }

    /// That of the write with this number, among all writes of one process.
    pub(super) fn of_write(process: u32, number: u64) -> Self {
        let number = number & u64::from(u32::MAX);
        Self((u64::from(process) << 32 | number).clamp(1, UNKNOWN - 1))
    }

    /// Whether both are from one process, which has left this one later.
    #[must_use]
    pub fn is_after(self, other: Self) -> bool {
        let ahead = self.0.wrapping_sub(other.0) & u64::from(u32::MAX);
        // Numbers begin again after 2^32.
        self.0 >> 32 == other.0 >> 32 && (1..1 << 31).contains(&ahead)
    }

    /// The tombstone that these bytes begin with.
    ///
    /// Its version is not looked at: all have their number in one place.
    #[must_use]
    pub fn of(stored: &[u8]) -> Option<Self> {
        let (tombstone, _) = stored.split_first_chunk::<{ Self::LENGTH }>()?;
        let (magic, rest) = tombstone.split_first_chunk::<4>()?;
        let number = rest.last_chunk::<8>()?;
        (*magic == MAGIC).then(|| Self(u64::from_le_bytes(*number)))
    }

    /// Whether these bytes are a tombstone and no entry behind it.
    #[must_use]
    pub fn is_all(stored: &[u8]) -> bool {
        stored.len() == Self::LENGTH && Self::of(stored).is_some()
    }

    /// What is stored.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = VERSION;
        bytes[8..].copy_from_slice(&self.number());
        bytes
    }

    pub(super) fn number(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }
}

/// The tombstone that a look-up found under its key, before an entry or alone; or that there was
/// none; or nothing, as long as no store has answered.
#[derive(Debug)]
pub(crate) struct Seen(AtomicU64);

/// No tombstone has these numbers.
const NONE: u64 = 0;
const UNKNOWN: u64 = u64::MAX;

impl Default for Seen {
    fn default() -> Self {
        Self(AtomicU64::new(UNKNOWN))
    }
}

impl Seen {
    pub(super) fn note(&self, tombstone: Option<Tombstone>) {
        let number = tombstone.map_or(NONE, |tombstone| tombstone.0);
        self.0.store(number, Ordering::Relaxed);
    }

    /// As if no store had answered.
    pub(super) fn forget(&self) {
        self.0.store(UNKNOWN, Ordering::Relaxed);
    }

    /// Whether a store has answered.
    pub(crate) fn is_known(&self) -> bool {
        self.0.load(Ordering::Relaxed) != UNKNOWN
    }

    pub(super) fn tombstone(&self) -> Option<Tombstone> {
        let number = self.0.load(Ordering::Relaxed);
        (number != NONE && number != UNKNOWN).then_some(Tombstone(number))
    }
}

#[cfg(test)]
mod tests {
    use super::Tombstone;

    #[test]
    fn of_two_writes_of_one_process_the_later_one_comes_after() {
        let (first, second) = (Tombstone::of_write(7, 1), Tombstone::of_write(7, 2));
        assert!(second.is_after(first) && !first.is_after(second));
        assert!(!first.is_after(first));
        // Numbers begin again.
        let (last, next) = (u64::from(u32::MAX), u64::from(u32::MAX) + 2);
        let [last, next] = [last, next].map(|number| Tombstone::of_write(7, number));
        assert!(next.is_after(last) && !last.is_after(next));
    }

    #[test]
    fn writes_of_two_processes_have_no_order() {
        let (ours, theirs) = (Tombstone::of_write(7, 1), Tombstone::of_write(8, 2));
        assert!(!theirs.is_after(ours) && !ours.is_after(theirs));
    }
}
