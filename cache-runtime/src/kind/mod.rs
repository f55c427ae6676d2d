//! One kind of cache: its tiers, its flights, its lifetimes and the operations that were called.

mod counting;
mod listening;
mod requests;
mod switch;

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::call::{Background, Function, Operation, Warned};
use crate::clock::Clock;
use crate::config::AiConfig;
use crate::flight::Flights;
use crate::generation::{Generations, Invalidation, Name, Scope};
use crate::key::{CHOSEN, Identity, StoreKeys, operation_of};
use crate::memory::MemoryTier;
#[cfg(feature = "metrics")]
use crate::observe::Named;
use crate::observe::{
    Counters, Details, Events, Extent, Happened, Invalidated, InvalidationOrigin, Invalidations,
    NoteOf, Of, Tenants, Tuning,
};
use crate::policy::{Lifetimes, Promotions, TextTier};
use crate::store::StoreTier;

pub(crate) use counting::Counting;
pub(crate) use switch::Switch;

/// What the handles of one kind share.
pub(crate) struct Kind {
    pub(crate) name: String,
    pub(crate) clock: Clock,
    pub(crate) memory: Option<MemoryTier>,
    pub(crate) store: Option<Arc<StoreTier>>,
    pub(crate) flights: Arc<Flights>,
    pub(crate) generations: Arc<Generations>,
    pub(crate) keys: Arc<StoreKeys>,
    /// Whether the application is not to go on without the store.
    pub(crate) needs_store: bool,
    /// So long the first connection of the store is waited for.
    pub(crate) patience: Duration,
    /// What the process is called in reports on health.
    pub(crate) worker: Option<String>,
    /// Whether nothing is kept without a tenant.
    pub(crate) requires_tenant: bool,
    pub(crate) switch: Switch,
    /// Who is told of what happens.
    pub(crate) events: Arc<Events>,
    /// The settings for language models.
    pub(crate) ai: Option<AiConfig>,
    pub(crate) lifetimes: Lifetimes,
    /// After a failure that an old value was served for, so long passes before the next attempt.
    pub(crate) retry_stale_after: Duration,
    /// Computations that go on without a caller.
    pub(crate) background: Background,
    pub(crate) promotions: Promotions,
    /// Under which the application's own keys are counted.
    pub(crate) chosen: Arc<Operation>,
    /// That are counted by name.
    pub(crate) tenants: Tenants,
    pub(crate) counting: Counting,
    pub(crate) invalidations: Invalidations,
    /// The settings that advice is about.
    pub(crate) tuning: Tuning,
    /// Whether calls are timed.
    pub(crate) is_timed: bool,
    pub(crate) operations: Mutex<Operations>,
    /// The operations that have metrics of their own.
    #[cfg(feature = "metrics")]
    pub(crate) published: Named,
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kind")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Kind {
    /// Whether answers are asked if they are to be kept.
    pub(crate) fn asks_answers(&self) -> bool {
        self.ai.is_some() || self.keys.is_ai
    }

    /// The operation of a function in this kind, made when it is first asked for.
    pub(crate) fn operation(&self, function: Function) -> Arc<Operation> {
        let (operation, keeps_apart) = self.find_operation(function);
        // A log may be anything, a cached function too: it is not called with the lock held.
        if keeps_apart {
            tracing::warn!(
                kind = self.name,
                operation = operation.name,
                function = function.site.function(),
                "shares an operation with functions that keep another type: its results stay in \
                 memory"
            );
        }
        operation
    }

    /// The operation, and whether it was made just now and keeps apart from those that it is to
    /// be shared with.
    fn find_operation(&self, function: Function) -> (Arc<Operation>, bool) {
        let operations = &mut *self.lock_operations();
        if let Some(known) = operations.by_function.get(&function.instance) {
            return (known.clone(), false);
        }
        let name = function.site.operation();
        let identity = function.identity();
        let alike = identity.and_then(|identity| operations.by_identity.get(&identity));
        let functions = alike.map_or(&[][..], |alike| &alike.functions);
        let requests = alike.map_or(&[][..], |alike| &alike.requests);
        // Values of another type are kept apart: none of them is taken for the other.
        let first = keeping(function.kept, functions);
        let keeps_apart = function.is_shared() && !functions.is_empty() && first.is_none();
        let shared = match first {
            Some(first) => Some(first).filter(|_| function.is_shared()),
            // What was asked for before it was first called.
            None if functions.is_empty() => keeping(function.kept, requests),
            None => None,
        };
        let (number, store_keys) = if let Some(shared) = shared {
            (shared.number, shared.store_keys.clone())
        } else {
            let number = operations.next_number();
            // Two functions that look the same to other processes: the second one keeps out of
            // the store.
            let identity = identity.filter(|_| functions.is_empty());
            let store_keys = identity.map(|it| self.keys.of_operation(&name, it));
            (number, store_keys)
        };
        let operation = Arc::new(Operation {
            number,
            store_keys,
            lifetime: self.lifetimes.of(&name, function.site),
            staleness: function.site.staleness(),
            single_flight: function.site.single_flight(),
            is_detached: function.site.is_detached(),
            name,
            counters: Counters::new(self.is_timed),
            warned: Warned::default(),
        });
        self.events.name(operation.number, &operation.name);
        let Operations {
            by_function,
            by_identity,
            ..
        } = operations;
        by_function.insert(function.instance, operation.clone());
        if let Some(identity) = identity {
            let alike = by_identity.entry(identity).or_default();
            alike.functions.push((function.kept, operation.clone()));
        }
        (operation, keeps_apart)
    }

    /// The operations that have been called, in no order.
    pub(crate) fn operations(&self) -> Vec<Arc<Operation>> {
        self.lock_operations().all().cloned().collect()
    }

    /// The tier of a text with so many characters.
    pub(crate) fn text_tier(&self, characters: usize) -> TextTier {
        let tiers = self.ai.as_ref().map(|ai| ai.text_size_tiers);
        tiers.unwrap_or_default().of(characters)
    }

    /// Forgets entries in both tiers, and says of each whether either had it. Nothing is kept of
    /// what was under way for them. The store is told unless it has not answered before; those who
    /// listen are told by `tell`.
    pub(crate) async fn remove(
        &self,
        entries: &[InTiers<'_>],
        store_answers: &mut bool,
        tell: impl FnOnce(),
    ) -> Vec<bool> {
        self.forget(entries, Invalidation::Remove, store_answers, tell)
            .await
    }

    /// Forgets an entry in the store, and expires the one in memory. Says whether either had it, and
    /// it was fresh.
    pub(crate) async fn expire(&self, entry: InTiers<'_>, tell: impl FnOnce()) -> bool {
        let (entry, mut store_answers) = ([entry], true);
        let forgotten = self.forget(&entry, Invalidation::Expire, &mut store_answers, tell);
        forgotten.await == [true]
    }

    /// Forgets an entry that is in memory alone.
    pub(crate) fn remove_here(&self, key: &[u8]) {
        self.forget_here(key, Invalidation::Remove, || {});
    }

    async fn forget(
        &self,
        entries: &[InTiers<'_>],
        how: Invalidation,
        store_answers: &mut bool,
        tell: impl FnOnce(),
    ) -> Vec<bool> {
        let store = self.store.as_ref();
        let mut removals = Vec::new();
        let forgotten = entries.iter().map(|(key, store_key)| {
            self.forget_here(key, how, || {
                let in_store = store.zip(*store_key);
                removals.extend(in_store.map(|(store, key)| store.removal(key.to_owned())));
            })
        });
        let mut forgotten: Vec<bool> = forgotten.collect();
        // It holds, also where nobody waits for the store.
        tell();
        let Some(store) = store.filter(|_| *store_answers && !removals.is_empty()) else {
            return forgotten;
        };
        let in_store = store.tell_removals(removals).await;
        *store_answers = in_store.is_some();
        let stored = entries.iter().zip(&mut forgotten);
        let stored = stored.filter(|((_, store_key), _)| store_key.is_some());
        for ((_, forgotten), in_store) in stored.zip(in_store.unwrap_or_default()) {
            *forgotten |= in_store;
        }
        forgotten
    }

    /// Forgets an entry in memory, and does something while nobody begins anew and nothing is kept
    /// any more of what was under way. Says whether memory had it, and it was fresh.
    fn forget_here(&self, key: &[u8], how: Invalidation, meanwhile: impl FnOnce()) -> bool {
        let memory = self.memory.as_ref();
        // What leaves is dropped when nothing is locked.
        let (left, expired) = self.flights.invalidate(key, || {
            meanwhile();
            match (memory, how) {
                (Some(memory), Invalidation::Remove) => (Some(memory.remove(key)), None),
                (Some(memory), Invalidation::Expire) => (None, memory.expire(key)),
                (None, _) => (None, None),
            }
        });
        let was_expired = expired.is_some_and(|(_, was_fresh)| was_fresh);
        let was_removed = left.zip(memory).is_some_and(|(left, memory)| {
            let head = left.head();
            head.is_some_and(|head| memory.is_served(key, head))
        });
        was_expired || was_removed
    }

    /// Invalidates everything of all tenants.
    pub(crate) async fn invalidate_all(&self, how: Invalidation) -> Reach {
        self.note(Invalidated::Kind);
        let generation = self.keys.generation_of_kind();
        let invalidated = self.invalidate(&generation, how, || {
            let has_many = self.mark_kind(how);
            self.tell_invalidated(Extent::Kind, Of::Kind, None, Some(&generation), how);
            has_many
        });
        invalidated.await
    }

    /// Invalidates everything of the operations with this name, of all tenants.
    pub(crate) async fn invalidate_operation(&self, name: &str, how: Invalidation) -> Reach {
        self.note_operation(name);
        self.invalidate_noted_operation(name, how).await
    }

    async fn invalidate_noted_operation(&self, name: &str, how: Invalidation) -> Reach {
        let generation = self.keys.generation_of_operation(name);
        let invalidated = self.invalidate(&generation, how, || {
            let has_many = self.mark_operation(name, how);
            let of = Of::Named(name);
            self.tell_invalidated(Extent::Operation, of, None, Some(&generation), how);
            has_many
        });
        invalidated.await
    }

    /// Removes everything of the operations with this name, of all tenants, and counts it.
    pub(crate) async fn remove_operation_counted(&self, name: &str) -> u64 {
        let note = self.note_operation(name);
        let mut operations = self.operations();
        operations.retain(|operation| operation.name == name);
        let mut in_memory_alone = 0;
        let mut in_both = 0;
        let mut keys = Vec::new();
        for (key, _) in self.memory.iter().flat_map(MemoryTier::served) {
            let number = operation_of(&key);
            let Some(operation) = operations.iter().find(|it| it.number == number) else {
                continue;
            };
            *match operation.store_keys {
                None => &mut in_memory_alone,
                Some(_) => &mut in_both,
            } += 1;
            keys.push(key);
        }
        self.invalidate_noted_operation(name, Invalidation::Remove)
            .await;
        for key in &keys {
            self.memory
                .iter()
                .for_each(|memory| memory.drop_if_over(key));
        }
        let in_store = match &self.store {
            None => 0,
            Some(store) => {
                let prefix = self.keys.operation_prefix(name);
                // What is left is not served: the operation was invalidated.
                let removed = store.remove_matching(&prefix, "*").await;
                removed.unwrap_or_default()
            }
        };
        let removed = in_memory_alone + in_store.max(in_both);
        self.invalidations.removed(note, removed);
        removed
    }

    /// Notes an invalidation that begins.
    pub(crate) fn note(&self, invalidated: Invalidated<'_>) -> NoteOf {
        self.invalidations.note(&self.clock, invalidated)
    }

    /// The same of an operation. A name that nobody has called or configured may be anything, and is not
    /// kept.
    fn note_operation(&self, name: &str) -> NoteOf {
        let is_known = self.lifetimes.operator.contains_key(name)
            || self.lifetimes.built_in.contains_key(name)
            || self.operations().iter().any(|it| it.name == name);
        self.note(Invalidated::Operation(is_known.then_some(name)))
    }

    /// Invalidates everything of a tenant.
    pub(crate) async fn invalidate_tenant(&self, tenant: &str, how: Invalidation) -> Reach {
        self.note(Invalidated::Tenant);
        let generation = self.keys.generation_of_tenant(tenant.as_bytes());
        let scope = Scope::Named(self.tenant(tenant.as_bytes()));
        let invalidated = self.invalidate(&generation, how, || {
            let has_many = self.generations.invalidate(scope, how);
            self.tell_invalidated(
                Extent::Tenant,
                Of::Kind,
                Some(tenant),
                Some(&generation),
                how,
            );
            has_many
        });
        invalidated.await
    }

    /// Invalidates everything with a tag of a tenant.
    pub(crate) async fn invalidate_tag(
        &self,
        tenant: Option<&str>,
        tag: &str,
        how: Invalidation,
    ) -> Reach {
        self.note(Invalidated::Tag);
        let generation = self.keys.generation_of_tag(tenant, tag);
        let scope = Scope::Named(self.tag(tenant, tag));
        let invalidated = self.invalidate(&generation, how, || {
            let has_many = self.generations.invalidate(scope, how);
            self.tell_invalidated(Extent::Tag, Of::Kind, tenant, Some(&generation), how);
            has_many
        });
        invalidated.await
    }

    /// Tells those who listen, of what has this name.
    pub(crate) fn tell_invalidated(
        &self,
        extent: Extent,
        of: Of<'_>,
        tenant: Option<&str>,
        name: Option<&str>,
        how: Invalidation,
    ) {
        let origin = InvalidationOrigin::Here;
        let what = Happened::Invalidated {
            extent,
            how,
            origin,
        };
        self.events.tell(of, what, |wanted| Details {
            tenant: tenant.map(Arc::from),
            key: name.filter(|_| wanted.keys).map(str::to_owned),
            entry: None,
        });
    }

    async fn invalidate(
        &self,
        generation: &Arc<str>,
        how: Invalidation,
        mark: impl FnOnce() -> bool,
    ) -> Reach {
        // First: what is read from the store after the mark was made is compared with the new
        // generation.
        let store = self.store.as_ref();
        let in_store = store.map(|store| store.invalidate(generation, how));
        if mark() {
            self.forget_marks();
        }
        let is_everywhere = match in_store {
            Some(in_store) => in_store.await,
            None => true,
        };
        if is_everywhere {
            Reach::Everywhere
        } else {
            Reach::Queued
        }
    }

    /// What entries of a tenant belong to. Where there is a store, it goes by the name that other
    /// processes know.
    pub(crate) fn tenant(&self, tenant: &[u8]) -> Name {
        match &self.store {
            Some(_) => {
                let generation = self.keys.generation_of_tenant(tenant);
                self.generations.name(&*generation)
            }
            None => self.generations.name(("tenant", tenant)),
        }
    }

    /// What entries with a tag belong to, in the same way.
    pub(crate) fn tag(&self, tenant: Option<&str>, tag: &str) -> Name {
        match &self.store {
            Some(_) => {
                let generation = self.keys.generation_of_tag(tenant, tag);
                self.generations.name(&*generation)
            }
            None => self.generations.name(("tag", tenant, tag)),
        }
    }

    fn lock_operations(&self) -> MutexGuard<'_, Operations> {
        self.operations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the tiers call an entry; without the second, no store has it.
pub(crate) type InTiers<'a> = (&'a [u8], Option<&'a str>);

/// How far an invalidation has come. In this process it holds as soon as it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// The store has it, too, or there is none: what it has is not served to any process. Over Redis,
    /// other processes have been told, so that what they have in memory is not served either: at
    /// once (about the time of a message), and within the
    /// [ceiling](crate::CacheConfigBuilder::invalidation_ceiling) where a message is lost. Over a
    /// store that tells nobody, or with a user who may not `PUBLISH`, it stays there until its lifetime
    /// is over.
    Everywhere,
    /// The store could not be reached. It is told as soon as it answers, or with the next call that
    /// needs to know; if this process ends before, it is never told.
    Queued,
}

/// The operations of one kind that have been called.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    by_function: HashMap<TypeId, Arc<Operation>>,
    by_identity: HashMap<Identity, Alike>,
    /// How many of them were made for requests.
    requested: usize,
}

/// The operations of one identity, with the types of what they keep.
#[derive(Debug, Default)]
struct Alike {
    functions: Vec<(TypeId, Arc<Operation>)>,
    requests: Vec<(TypeId, Arc<Operation>)>,
}

impl Operations {
    fn all(&self) -> impl Iterator<Item = &Arc<Operation>> {
        let of_requests = self.by_identity.values().flat_map(|alike| &alike.requests);
        let of_requests = of_requests.map(|(_, operation)| operation);
        self.by_function.values().chain(of_requests)
    }

    /// Of an operation that shares its entries with none that is there. Far fewer than 2^32 are: a
    /// program has as many as it has functions, and those of requests are bounded.
    fn next_number(&self) -> u32 {
        let known = self.by_function.len() + self.requested;
        u32::try_from(known).unwrap_or(u32::MAX - 2) + CHOSEN + 1
    }
}

/// The first one that keeps values of this type.
fn keeping(kept: TypeId, operations: &[(TypeId, Arc<Operation>)]) -> Option<&Arc<Operation>> {
    let first = operations.iter().find(|(type_id, _)| *type_id == kept);
    first.map(|(_, operation)| operation)
}
