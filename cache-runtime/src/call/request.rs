//! A call that no function makes: what it asks for is written down by the caller, and takes the same
//! way from there.

use std::str::from_utf8;
use std::sync::Arc;

use super::control::Control;
use super::keeping::{report, report_uncached};
use super::local::Timing;
use super::operation::Operation;
use super::outcome::{MissReason, Origin, Told};
use super::pending::Pending;
use super::price::{Price, Pricer, account};
use super::results::Results;
use super::rule::Rule;
use super::shape::{Plain, Shape, opaque};
use super::stand::Deadlines;
use super::turn::{Miss, Uncached, found};
use super::value::{Own, Value};
use super::{Entered, local, obstacle, of_tenant, off, on, write};
use crate::envelope::ValueType;
use crate::generation::Invalidation;
use crate::key::{KeyWriter, MemoryKey, OperationKeys, Written, with_memory_key};
use crate::kind::Kind;
use crate::memory::Entry;
use crate::observe::{Charged, Details, Ending, Extent, Happened, InvalidationOrigin, Of, Record};
use crate::policy::{Cacheable, TextMark, characters};

/// What is asked of one kind, with its key written.
pub(crate) struct Request {
    kind: Arc<Kind>,
    /// `None`: it has no key, and nothing is kept of it.
    operation: Option<Arc<Operation>>,
    written: Vec<u8>,
    noticed: Written,
    /// Where it is timed.
    timing: Option<Timing>,
    tags: Vec<String>,
}

/// What the caller of a request wants of it. Taken before the key is written, which is measured where
/// somebody asks.
pub(crate) struct Wishes(Option<Box<Control>>);

impl Wishes {
    pub(crate) fn of_call() -> Self {
        Self(local::take_control())
    }

    pub(crate) fn of_look_up() -> Self {
        Self(local::take_control_of_look_up())
    }

    /// The key is written.
    fn noted(self) -> Option<Box<Control>> {
        let mut control = self.0;
        if let Some(control) = &mut control {
            control.note_key();
        }
        control
    }
}

impl Request {
    /// Of this operation, with these arguments, for the tenant of the calling task.
    pub(crate) fn of(
        kind: &Arc<Kind>,
        operation: Option<Arc<Operation>>,
        write_arguments: impl FnOnce(&mut KeyWriter<'_>),
    ) -> Self {
        let (mut written, is_timed) = local::take_buffer();
        if is_timed {
            Timing::begin();
        }
        let mut noticed = write(&mut written, write_arguments);
        let mut timing = None;
        if is_timed {
            Timing::note_key();
            // It may never be looked up.
            timing = Timing::take();
        }
        match local::tenant() {
            Ok(None) => {}
            Ok(Some(tenant)) => noticed.add_tenant(&tenant, &mut written),
            Err(_) => noticed.refused = true,
        }
        Self {
            kind: kind.clone(),
            operation,
            written,
            noticed,
            timing,
            tags: Vec::new(),
        }
    }

    /// With these tags.
    pub(crate) fn tagged(mut self, tags: &[String]) -> Self {
        self.tags = tags.to_vec();
        self
    }

    /// The first steps of a computation: looks into memory.
    pub(crate) fn enter<S>(mut self, _shape: S, wishes: Wishes) -> Entered<S>
    where
        S: Shape<Kept: Cacheable>,
    {
        let control = wishes.noted();
        if control.is_none()
            && let Some(answer) = self.in_memory::<S>()
        {
            return Entered::Hit(answer);
        }
        let wishes = control.as_deref();
        let pending = self.pending(wishes);
        let results = Results::of::<S>();
        let miss = Miss::of(pending, control, results, Deadlines::default());
        Entered::Miss(miss.priced_by(of_itself::<S::Kept>()))
    }

    /// The answer in memory, counted if there is one.
    fn in_memory<S: Shape<Kept: Cacheable>>(&mut self) -> Option<S::Returned> {
        let operation = self.operation.as_ref()?;
        let memory = self.kind.memory.as_ref()?;
        if self.noticed.refused || !self.kind.switch.is_on_for(&operation.name) {
            return None;
        }
        let entry = with_memory_key(operation.number, &mut self.written, |key| memory.get(key))?;
        let kept = entry.value.downcast_ref::<S::Kept>()?;
        // First: the answer's own `clone` may panic.
        let tenant = of_tenant(&self.kind, operation, &self.written, &self.noticed);
        let (counters, text) = (&operation.counters, entry.head.text());
        counters.count(text, tenant.as_deref(), Ending::MemoryHit, None);
        if let Some(timing) = self.timing.take() {
            timing.end_in_memory(counters);
        }
        let hit = Happened::Hit(Origin::Memory);
        let of = Of::Operation(operation.number);
        self.kind.events.tell(of, hit, |wanted| {
            let keys = operation.store_keys.as_ref().filter(|_| wanted.keys);
            Details {
                tenant: local::tenant().ok().flatten(),
                key: keys.map(|keys| self.store_key(keys)),
                entry: wanted.values.then(|| entry.clone()),
            }
        });
        self.charge(Charged::Replayed, operation, kept);
        Some(S::returned(kept.clone()))
    }

    /// Counts what an answer of this operation takes.
    fn charge<T: Cacheable>(&self, charged: Charged, operation: &Operation, answer: &T) {
        if let Some(price) = Price::of(answer) {
            let tenant = local::tenant().ok().flatten();
            account(&self.kind, operation, tenant.as_deref(), charged, price);
        }
    }

    /// Whether an answer is not to be kept.
    pub(crate) fn refuses(&self, rule: Rule) -> bool {
        if let Some(operation) = self.operation.as_ref().filter(|_| rule.panicked) {
            operation.counters.count_rule_panic();
        }
        rule.is_refused
    }

    /// Counts an answer that was got elsewhere.
    pub(crate) fn bill<T: Cacheable>(&self, answer: &T) {
        let operation = self.operation.as_ref().unwrap_or(&self.kind.chosen);
        self.charge(Charged::Billed, operation, answer);
    }

    /// The answer in memory or in the store. Tells where it came from, where somebody asks for that
    /// and nothing else.
    ///
    /// May be dropped while it waits for the store: then nothing of what that has is in memory.
    pub(crate) async fn look_up<T: Value + Cacheable>(mut self, wishes: Wishes) -> Option<T> {
        let control = wishes.noted();
        if control.is_none()
            && let Some(answer) = self.in_memory::<Plain<Own<T>>>()
        {
            return Some(answer);
        }
        let wishes = control.as_deref();
        let pending = self.pending(wishes);
        drop(self);
        let (mut pending, mut record) = match pending {
            Ok(pending) => pending,
            Err(Uncached { why, about, .. }) => {
                report_uncached(wishes, why, about);
                return None;
            }
        };
        pending.price = Some(of_itself::<T>());
        let results = Results::of_shape(opaque::<T>());
        let Some((entry, origin)) = pending.find(wishes, &results).await else {
            record.end(Ending::Missed);
            report(wishes, &pending, &Told::of(Origin::Stopped));
            return None;
        };
        found(&pending, &mut record, wishes, &entry, origin);
        entry.value.downcast_ref::<T>().cloned()
    }

    /// The call, unless nothing is kept of it.
    fn pending(&mut self, control: Option<&Control>) -> Result<(Pending, Record), Uncached> {
        let Some(operation) = self.operation.take() else {
            self.count_no_key();
            let (kind, chosen) = (self.kind.clone(), self.kind.chosen.clone());
            return Err(Uncached::of(MissReason::NoKey, kind, chosen, None));
        };
        let kind = self.kind.clone();
        let goes = if kind.switch.is_on_for(&operation.name) {
            on
        } else {
            off
        };
        let pending = goes(
            kind,
            operation,
            &mut self.written,
            &self.noticed,
            control,
            self.timing.take(),
        );
        pending.map(|(pending, record)| (self.with_tags(pending), record))
    }

    /// A request that has none.
    fn count_no_key(&self) {
        let chosen = &self.kind.chosen;
        let of_tenant = of_tenant(&self.kind, chosen, &self.written, &self.noticed);
        let mut record = Record::begin(chosen.clone(), TextMark::default(), of_tenant);
        let tenant = local::tenant().ok().flatten();
        record.tell(&self.kind.events, tenant.as_deref());
        record.note(MissReason::NoKey);
        record.end(Ending::NoKey);
    }

    fn with_tags(&self, mut pending: Pending) -> Pending {
        if !self.tags.is_empty() {
            // Else there would be no key.
            let tenant = local::tenant().ok().flatten();
            for tag in &self.tags {
                pending.tag(tenant.as_deref(), tag);
            }
        }
        pending
    }

    /// Keeps an answer for the lifetime of the operation, in the place of what is there; the operations
    /// with these numbers keep answers of other types to the same.
    ///
    /// May be dropped at each await: before the answer is kept, or after.
    pub(crate) async fn set<T: Value>(mut self, value: T, others: &[u32]) {
        let kind = self.kind.clone();
        let Some(operation) = self.operation.take() else {
            return self.count_no_key();
        };
        let ttl = operation.lifetime.jittered(operation.lifetime.ttl);
        let is_on = kind.switch.is_on_for(&operation.name);
        if obstacle(&kind, &self.written, &self.noticed).is_some() {
            // It is counted as a call is that cannot be cached.
            drop(on(
                kind,
                operation,
                &mut self.written,
                &self.noticed,
                None,
                None,
            ));
            return;
        }
        let text = self.noticed.arguments(&self.written).text;
        let text = text.map(|text| kind.text_tier(characters(text)));
        let (written, noticed) = (&mut self.written, &self.noticed);
        let pending = Pending::of_call(kind, operation, written, noticed, text, None);
        let pending = self.with_tags(pending);
        for number in others.iter().filter(|it| **it != pending.operation.number) {
            with_memory_key(*number, &mut self.written, |key| {
                pending.kind.remove_here(key);
            });
        }
        drop(self);
        // Switched off: what was there is over all the same.
        if ttl.is_zero() || !is_on {
            pending.remove().await;
            return;
        }
        let entry = |head| Arc::new(Entry { head, value }) as Arc<Entry>;
        pending.set(entry, ttl, ValueType::of::<Own<T>>()).await;
    }

    /// Forgets the answer in both tiers, of whatever type it is, and says whether either had one.
    pub(crate) async fn remove(mut self, numbers: &[u32], keys: &OperationKeys) -> bool {
        let kind = self.kind.clone();
        if obstacle(&kind, &self.written, &self.noticed).is_some() {
            return false;
        }
        let in_store = kind.store.is_some().then(|| self.store_key(keys));
        let in_memory: Vec<MemoryKey> = numbers
            .iter()
            .map(|number| with_memory_key(*number, &mut self.written, |key| key.into()))
            .collect();
        let arguments = self.noticed.arguments(&self.written);
        let tenant = arguments.tenant.and_then(|it| from_utf8(it).ok());
        let details = Details {
            tenant: tenant.map(Arc::from),
            key: kind.events.wants_keys().then(|| self.store_key(keys)),
            entry: None,
        };
        let tell = || {
            let of = Of::Operation(numbers.first().copied().unwrap_or_default());
            let what = Happened::Invalidated {
                extent: Extent::Key,
                how: Invalidation::Remove,
                origin: InvalidationOrigin::Here,
            };
            kind.events.tell(of, what, |_| details);
        };
        drop(self);
        let in_store = in_store.iter().map(|key| Some(key.as_str()));
        // The store has one for all of them.
        let in_store = in_store.chain(std::iter::repeat(None));
        let in_memory = in_memory.iter().map(|key| &**key);
        let entries: Vec<_> = in_memory.zip(in_store).collect();
        let removed = kind.remove(&entries, &mut true, tell).await;
        removed.contains(&true)
    }

    /// The name of the answer in a store, if one would keep it.
    pub(crate) fn name_in_store(&self, keys: &OperationKeys) -> Option<String> {
        let obstacle = obstacle(&self.kind, &self.written, &self.noticed);
        obstacle.is_none().then(|| self.store_key(keys))
    }

    fn store_key(&self, keys: &OperationKeys) -> String {
        keys.of_call(self.noticed.arguments(&self.written))
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        local::give_back_buffer(std::mem::take(&mut self.written));
    }
}

/// Answers that say themselves what they take.
fn of_itself<T: Cacheable + 'static>() -> Pricer {
    Box::new(|value| value.downcast_ref::<T>().and_then(Price::of))
}
