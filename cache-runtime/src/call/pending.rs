//! A call whose key is known and whose result is not at hand.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::control::Control;
use super::local;
use super::operation::Operation;
use super::outcome::About;
use super::price::{Bill, Price, Pricer, account};
use crate::envelope::{Erased, ValueType};
use crate::generation::{Carried, KeyHash, Name};
use crate::key::{SharedKey, Written, key_hash, with_memory_key};
use crate::kind::{InTiers, Kind};
use crate::memory::{Head, SharedEntry, Weigher};
use crate::observe::Charged;
use crate::policy::{Promoted, TextMark, TextTier, Ttl};
use crate::store::{FoldedGenerations, Seen, StoreName, StoreTier};

/// One call whose key is known.
pub(crate) struct Pending {
    pub(crate) kind: Arc<Kind>,
    pub(crate) operation: Arc<Operation>,
    pub(crate) key: SharedKey,
    /// Where there is a store, or the caller asks for it.
    pub(crate) in_store: Option<StoreName>,
    /// What the entry belongs to, besides the kind and the operation.
    pub(crate) names: Vec<Name>,
    /// How long its text is.
    pub(crate) text: TextMark,
    /// Whether the result enters memory, where the store has it too.
    pub(crate) promoted: Promoted,
    /// For whom it is done.
    pub(crate) tenant: Option<Arc<str>>,
    /// What the attribute says about the weight of the value.
    pub(crate) weigher: Option<Weigher>,
    /// The answer that the cache has is compared with what the body returns.
    pub(crate) is_shadowed: bool,
    /// What the attribute says about what an answer takes.
    pub(crate) price: Option<Pricer>,
    /// What is told of it beside its answer, where somebody asks.
    pub(crate) about: Option<Box<About>>,
}

impl std::fmt::Debug for Pending {
    /// Without the keys: they hold arguments.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending")
            .field("operation", &self.operation.name)
            .finish_non_exhaustive()
    }
}

impl Pending {
    pub(super) fn of_call(
        kind: Arc<Kind>,
        operation: Arc<Operation>,
        written: &mut [u8],
        noticed: &Written,
        text: Option<TextTier>,
        control: Option<&Control>,
    ) -> Self {
        let key: SharedKey = with_memory_key(operation.number, written, |key| key.into());
        let is_asked_for = control.is_some_and(Control::asks);
        let needs_name = kind.store.is_some() || is_asked_for || kind.events.wants_keys();
        let arguments = noticed.arguments(written);
        let names = arguments.tenant.map(|tenant| kind.tenant(tenant));
        let keys = operation.store_keys.as_ref().filter(|_| needs_name);
        let in_store = keys.map(|keys| StoreName {
            key: keys.of_call(arguments),
            generations: keys.generations(arguments.tenant),
            ttl: control
                .and_then(|control| control.ttl)
                .unwrap_or(operation.lifetime.ttl)
                .longer(operation.staleness.kept_for()),
            seen: Seen::default(),
            spent: AtomicU64::new(0),
            waits_since: OnceLock::new(),
        });
        let in_both = text.filter(|_| in_store.is_some());
        Self {
            about: About::of(&kind, &operation, arguments.text, control),
            text: text.into(),
            // What was drawn on the short way, and what has not been there.
            is_shadowed: noticed.is_shadowed || operation.staleness.draws_shadow(),
            promoted: kind.promotions.of(&operation.name, in_both),
            kind,
            operation,
            key,
            in_store,
            names: names.into_iter().collect(),
            // The one that the key was written for, just before.
            tenant: local::tenant().ok().flatten(),
            weigher: None,
            price: None,
        }
    }

    pub(super) fn tag(&mut self, tenant: Option<&str>, tag: &str) {
        self.names.push(self.kind.tag(tenant, tag));
        if let Some(name) = &mut self.in_store {
            let generation = self.kind.keys.generation_of_tag(tenant, tag);
            name.generations = Arc::new(name.generations.and(generation));
        }
    }

    /// Notes in an entry that is to be kept how long its text is, and what it weighs. To be called with
    /// nothing locked.
    pub(super) fn note(&self, entry: &mut SharedEntry, value_type: Option<ValueType>) {
        if let Some(entry) = Arc::get_mut(entry) {
            entry.head.mark(self.text);
        }
        if let Some(memory) = &self.kind.memory {
            memory.weigh(entry, &self.key, self.weigher.as_ref(), value_type);
        }
    }

    /// What the tiers call the entry.
    pub(crate) fn in_tiers(&self) -> InTiers<'_> {
        let in_store = self.in_store.as_ref().map(|name| name.key.as_str());
        (&self.key, in_store)
    }

    pub(super) fn name_in_store(&self) -> Option<String> {
        self.in_store.as_ref().map(|name| name.key.clone())
    }

    /// The store, where it may have the entry.
    pub(super) fn store(&self) -> Option<(&StoreTier, &StoreName)> {
        self.kind.store.as_deref().zip(self.in_store.as_ref())
    }

    /// What an entry is to carry in the store whose computation begins now. `None`: it does not get
    /// there.
    pub(super) fn generations(&self) -> Option<FoldedGenerations> {
        let (store, name) = self.store()?;
        store.generations(name)
    }

    /// Of an entry that is made now.
    pub(super) fn head(&self, ttl: Ttl, kept_for: Duration, carried: Carried) -> Head {
        let name = self.store().map(|(_, name)| key_hash(&name.key));
        let name = name.unwrap_or(KeyHash::NONE);
        Head::new(self.kind.clock.now(), ttl, kept_for, name, carried)
    }

    /// What an entry is to carry whose computation or look-up begins now.
    pub(super) fn carry(&self) -> Carried {
        self.kind.generations.carry(&self.names)
    }

    /// Counts what an answer took, or would have taken.
    pub(super) fn charge(&self, charged: Charged, value: &Erased) {
        if let Some(price) = self.price.as_ref().and_then(|price| price(value)) {
            self.account(charged, price);
        }
    }

    /// The same for an answer whose price is known already.
    pub(super) fn account(&self, charged: Charged, price: Price) {
        let tenant = self.tenant.as_deref();
        account(&self.kind, &self.operation, tenant, charged, price);
    }

    /// What a body is counted by that runs without all this.
    pub(super) fn into_bill(self) -> Option<Box<Bill>> {
        let Self {
            kind,
            operation,
            tenant,
            price,
            ..
        } = self;
        let bill = |price| Bill {
            kind,
            operation,
            tenant,
            price,
        };
        price.map(bill).map(Box::new)
    }
}
