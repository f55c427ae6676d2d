//! Invalidations between processes: what one of them does to a key, an operation, a tag, a tenant or a
//! kind reaches the memory of the others.
//!
//! Every kind has a channel. Whoever invalidates something announces it there, in the same step in
//! which the store is told, so that nobody hears of it who would then find the old entry. A process
//! that may have missed something doubts all that it has in memory, which is then looked up in the
//! store again: after a connection was lost, where a [number is missing](hearing), where a sender
//! falls silent, and where the runtime on which others are heard stands still. So what a lost message
//! can do is bounded by the ceiling.
//!
//! It is said there too when a computation has ended that [others wait for](news).

mod hearing;
mod message;
mod news;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, Tick};
use crate::config::Secret;
use crate::generation::KeyHash;
use crate::store::Announcement;
use hearing::{Hearing, Missed};
pub(crate) use message::{Invalidated, Message, Said};
use news::News;
pub(crate) use news::{Ended, Listening};

/// Where nobody tells what others announce, what is in memory is looked up in the store after this time.
const WITHOUT_BUS: Duration = Duration::from_secs(2);

/// A runtime on which nothing was done for so long stands still. A round of what it does for the bus
/// may take two seconds, while Redis does not answer.
const STANDSTILL: Duration = Duration::from_secs(5);

/// How one kind keeps up with the other processes.
#[derive(Clone, Debug)]
pub(crate) struct BusSettings {
    pub(crate) channel: String,
    pub(crate) secret: Option<Secret>,
    /// For so long a lost message may go unnoticed.
    pub(crate) ceiling: Duration,
    /// While the store is away, what is in memory is served for so long.
    pub(crate) while_away: Duration,
}

#[derive(Debug)]
pub(crate) struct Bus {
    settings: BusSettings,
    /// Of this process and kind, at random.
    sender: u64,
    announced: AtomicU64,
    /// Invalidations by others.
    heard: AtomicU64,
    /// Whether the store has a way to tell what others announce.
    is_there: AtomicBool,
    /// Whether it does so, at this moment.
    is_heard: AtomicBool,
    ears: Mutex<Ears>,
    news: News,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Ears {
    hearing: Hearing,
    /// Something was missed, or may have been.
    is_in_doubt: bool,
    doubted: Option<Tick>,
    /// When something was last missed, or may have been, that would have been heard otherwise.
    gap: Option<Tick>,
    /// Others were heard before.
    was_heard: bool,
    /// The last beat, and what it said.
    beat: Option<(Tick, u64)>,
    /// Beats that said the same.
    repeated: u32,
    /// Somebody wants to know how much was announced.
    is_asked: bool,
}

/// How one kind keeps up with the other processes at this moment, for operators.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeepsUp {
    /// What others announce is noticed at once.
    pub(crate) is_heard: bool,
    /// How long it is good what was read from the store about others.
    pub(crate) good_for: Duration,
    /// While the store is away, what is in memory is served for so long.
    pub(crate) while_away: Duration,
    /// The time since something was missed, or may have been, where that is not longer than the ceiling.
    pub(crate) recent_gap: Option<Duration>,
    /// The time since that in any case.
    pub(crate) last_gap: Option<Duration>,
}

/// What is to be done every now and then.
#[derive(Debug, Default)]
pub(crate) struct Due {
    /// All in memory is to be doubted.
    pub(crate) doubt: bool,
    pub(crate) beat: Option<Announcement>,
}

impl Bus {
    pub(crate) fn new(settings: BusSettings, sender: u64, clock: Clock) -> Self {
        Self {
            settings,
            sender,
            announced: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            is_there: AtomicBool::new(false),
            is_heard: AtomicBool::new(false),
            ears: Mutex::default(),
            news: News::default(),
            clock,
        }
    }

    /// Of this process and kind, at random.
    pub(crate) fn sender(&self) -> u64 {
        self.sender
    }

    pub(crate) fn channel(&self) -> &str {
        &self.settings.channel
    }

    /// From now on it is announced what this process invalidates.
    pub(crate) fn open(&self) {
        self.is_there.store(true, Ordering::Release);
    }

    /// The announcement that something was invalidated, to be made once.
    pub(crate) fn announce(&self, what: Invalidated) -> Option<Announcement> {
        self.announce_next(|| Said::Invalidated(what))
    }

    /// The same for very much.
    pub(crate) fn announce_everything(&self) -> Option<Announcement> {
        self.announce_next(|| Said::Everything)
    }

    fn announce_next(&self, said: impl FnOnce() -> Said) -> Option<Announcement> {
        self.is_there.load(Ordering::Acquire).then(|| {
            let announced = self.announced.fetch_add(1, Ordering::Relaxed) + 1;
            self.say(announced, said())
        })
    }

    /// What is to be said when a computation has ended that others may wait for.
    pub(crate) fn say_ended(&self, key: KeyHash, ended: Ended) -> Option<Announcement> {
        self.is_there.load(Ordering::Acquire).then(|| {
            let announced = self.announced.load(Ordering::Relaxed);
            self.say(announced, Said::Ended(key, ended))
        })
    }

    /// Hears what becomes of a computation of another process.
    pub(crate) fn listen_for(&self, key: KeyHash) -> Listening<'_> {
        self.news.of(key)
    }

    fn say(&self, announced: u64, said: Said) -> Announcement {
        let message = Message {
            sender: self.sender,
            announced,
            said,
        };
        let message = message.to_bytes(self.settings.secret.as_ref());
        Announcement::new(&self.settings.channel, message)
    }

    /// The last words of this process, if there is somebody who hears them.
    pub(crate) fn bye(&self) -> Option<Announcement> {
        let announced = self.announced.load(Ordering::Relaxed);
        self.is_heard().then(|| self.say(announced, Said::Bye))
    }

    /// What these bytes say, if they are from one of us.
    pub(crate) fn understand(&self, message: &[u8]) -> Option<Message> {
        Message::parse(message, self.settings.secret.as_ref())
    }

    /// What another process has said, if that is that something was invalidated.
    pub(crate) fn hear<'a>(&self, message: &'a Message) -> Option<&'a Said> {
        if message.sender == self.sender || matches!(message.said, Said::Ended(..)) {
            return None;
        }
        let mut ears = self.ears();
        ears.is_asked |= message.said == Said::Hello;
        let now = self.clock.now();
        let missed = ears.hearing.hear(message, now);
        ears.note_missed(missed, now);
        ears.is_in_doubt |= message.said == Said::Everything;
        drop(ears);
        match &message.said {
            said @ (Said::Invalidated(_) | Said::Everything) => {
                self.heard.fetch_add(1, Ordering::Relaxed);
                Some(said)
            }
            Said::Beat | Said::Hello | Said::Bye | Said::Ended(..) => None,
        }
    }

    /// Invalidations by others that were heard of so far.
    pub(crate) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// Tells those who wait for a computation that it has ended, or that it may be over. To be called
    /// when it is known here what was invalidated, by this process too.
    pub(crate) fn tell_waiting(&self, message: &Message) {
        match &message.said {
            Said::Ended(key, ended) => self.news.tell(*key, *ended),
            Said::Invalidated(Invalidated::Entry(key)) => self.news.tell(*key, Ended::GivenUp),
            Said::Invalidated(Invalidated::Generation(..)) | Said::Everything => {
                self.news.tell_all(Ended::GivenUp);
            }
            Said::Beat | Said::Hello | Said::Bye => {}
        }
    }

    /// Whether what others announce is noticed at once.
    pub(crate) fn is_heard(&self) -> bool {
        self.is_heard.load(Ordering::Acquire)
    }

    /// How long it is good what was read from the store about others.
    pub(crate) fn good_for(&self) -> Duration {
        let ceiling = self.settings.ceiling;
        if self.is_heard() {
            ceiling
        } else {
            WITHOUT_BUS.min(ceiling)
        }
    }

    /// Others are heard from now on, or not any more. Either way something may have been missed, from
    /// when they are heard again at the latest.
    pub(crate) fn note_heard(&self, is_heard: bool) {
        let now = self.clock.now();
        let mut ears = self.ears();
        if is_heard {
            // Others answer within the time that passes between two beats.
            ears.hearing.begin(now.after(self.pace() * 2));
            ears.is_in_doubt = true;
            // At first nothing was heard that could have been missed.
            ears.gap = ears.was_heard.then_some(now).or(ears.gap);
            ears.was_heard = true;
        }
        ears.beat = None;
        // From now on it is doubted as often as without a bus.
        ears.doubted = Some(now);
        drop(ears);
        self.is_heard.store(is_heard, Ordering::Release);
        // From now on they look more often, or less.
        self.news.tell_all(Ended::GivenUp);
    }

    /// Something may have been missed just now.
    pub(crate) fn note_gap(&self) {
        self.ears().gap = Some(self.clock.now());
    }

    /// `None` where the store has no way to tell what others announce.
    pub(crate) fn keeps_up(&self) -> Option<KeepsUp> {
        if !self.is_there.load(Ordering::Acquire) {
            return None;
        }
        let now = self.clock.now();
        let last_gap = self.ears().gap.map(|gap| now.since(gap));
        Some(KeepsUp {
            is_heard: self.is_heard(),
            good_for: self.good_for(),
            while_away: self.settings.while_away,
            recent_gap: last_gap.filter(|gap| *gap < self.settings.ceiling),
            last_gap,
        })
    }

    /// How often [`due`](Self::due) is to be asked.
    pub(crate) fn pace(&self) -> Duration {
        let shortest = Duration::from_millis(20);
        (self.settings.ceiling / 20).clamp(shortest, Duration::from_secs(1))
    }

    /// Until when that may be trusted which is known at this time to be good, if nobody says so again.
    pub(crate) fn trusted_from(&self, now: Tick) -> Tick {
        now.after(self.settings.ceiling.max(STANDSTILL))
    }

    /// What is to be done now, where the store answers or not.
    pub(crate) fn due(&self, store_answers: bool) -> Due {
        let now = self.clock.now();
        let ceiling = self.settings.ceiling;
        let mut ears = self.ears();
        let ears = &mut *ears;
        if !self.is_heard() {
            let lasts = if store_answers {
                self.good_for()
            } else {
                self.settings.while_away
            };
            let doubted = *ears.doubted.get_or_insert(now);
            ears.is_in_doubt |= now.since(doubted) >= lasts;
        }
        let silence = ceiling.mul_f64(0.7);
        // What may have been missed before it began is noted already.
        let has_begun = ears.hearing.has_begun(now);
        let forgotten = ears.hearing.forget_silent(now, silence);
        if self.is_heard() {
            ears.is_in_doubt |= has_begun == Missed::Something;
            ears.note_missed(forgotten, now);
        }
        let doubt = std::mem::take(&mut ears.is_in_doubt);
        if doubt {
            ears.doubted = Some(now);
        }
        let announced = self.announced.load(Ordering::Relaxed);
        let said = ears.beat(announced, now, ceiling / 4);
        let beat = said.filter(|_| self.is_heard());
        Due {
            doubt,
            beat: beat.map(|said| self.say(announced, said)),
        }
    }

    fn ears(&self) -> MutexGuard<'_, Ears> {
        self.ears.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ears {
    fn note_missed(&mut self, missed: Missed, now: Tick) {
        if missed == Missed::Something {
            self.is_in_doubt = true;
            self.gap = Some(now);
        }
    }

    /// What was announced is said twice, soon; and again for everybody who asks, and when nothing was
    /// said for long.
    fn beat(&mut self, announced: u64, now: Tick, long: Duration) -> Option<Said> {
        let is_asked = std::mem::take(&mut self.is_asked);
        let (said, repeated) = match self.beat {
            None => (Said::Hello, 0),
            Some((_, said)) if said != announced => (Said::Beat, 0),
            Some((at, _)) if is_asked || self.repeated < 2 || now.since(at) >= long => {
                (Said::Beat, self.repeated + 1)
            }
            Some(_) => return None,
        };
        self.beat = Some((now, announced));
        self.repeated = repeated;
        Some(said)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::{Bus, BusSettings, Ended, Invalidated};
    use crate::clock::{Clock, ManualClock};
    use crate::generation::{Invalidation, KeyHash};

    #[test]
    fn whoever_waits_is_told_of_all_that_may_end_a_computation_by_whichever_process() {
        let settings = BusSettings {
            channel: "web:bus".to_owned(),
            secret: None,
            ceiling: Duration::from_secs(30),
            while_away: Duration::from_secs(30),
        };
        let bus = Bus::new(settings, 1, Clock::default());
        bus.open();
        let key = KeyHash(7);
        let mut waiting = bus.listen_for(key);
        let of_kind = Invalidated::Generation("web:gen".to_owned(), Invalidation::Remove);
        for (said, expected) in [
            (bus.say_ended(key, Ended::Landed), Some(Ended::Landed)),
            (bus.say_ended(key, Ended::GivenUp), Some(Ended::GivenUp)),
            (bus.say_ended(KeyHash(8), Ended::Landed), None),
            (bus.announce(Invalidated::Entry(key)), Some(Ended::GivenUp)),
            (bus.announce(Invalidated::Entry(KeyHash(8))), None),
            (bus.announce(of_kind), Some(Ended::GivenUp)),
            (bus.announce_everything(), Some(Ended::GivenUp)),
        ] {
            let said = said.expect("it is announced");
            let message = bus.understand(said.message()).expect("one of ours");
            bus.tell_waiting(&message);
            assert_eq!(waiting.next().now_or_never(), expected, "{message:?}");
        }
        bus.note_heard(false);
        assert_eq!(waiting.next().now_or_never(), Some(Ended::GivenUp));
    }

    #[test]
    fn a_gap_is_recent_for_as_long_as_the_ceiling_and_the_first_hearing_is_none() {
        let (clock, second) = (ManualClock::new(), Duration::from_secs(1));
        let settings = BusSettings {
            channel: "web:bus".to_owned(),
            secret: None,
            ceiling: 30 * second,
            while_away: 60 * second,
        };
        let bus = Bus::new(settings, 1, Clock::Manual(clock.clone()));
        let gaps = || {
            let keeps_up = bus.keeps_up().expect("it is there");
            (keeps_up.recent_gap, keeps_up.last_gap)
        };
        assert!(bus.keeps_up().is_none(), "the store tells nobody");
        bus.open();
        assert!(bus.due(true).beat.is_none());
        bus.note_heard(true);
        assert!(bus.due(true).doubt);
        assert_eq!(gaps(), (None, None));

        bus.note_heard(false);
        clock.advance(2 * second);
        assert!(bus.due(true).doubt, "it is looked up again all the time");
        assert_eq!(gaps(), (None, None), "which is no gap");
        bus.note_heard(true);
        assert_eq!(gaps(), (Some(Duration::ZERO), Some(Duration::ZERO)));
        clock.advance(29 * second);
        assert_eq!(gaps(), (Some(29 * second), Some(29 * second)));
        clock.advance(second);
        assert_eq!(gaps(), (None, Some(30 * second)));
    }
}
