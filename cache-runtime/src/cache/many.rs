//! Many keys at once, with one round trip to the store for all that memory cannot answer.

use std::sync::Arc;

use super::Cache;
use crate::call::{self, Lot, Own, Pending, Results, Value};
use crate::envelope::ValueType;
use crate::memory::Entry;
use crate::observe::Ending;
use crate::policy::Ttl;
use crate::store::AT_ONCE;

impl Cache {
    /// The values of these keys, in their order: each as [`get`](Self::get) has it. A key may be
    /// there several times.
    ///
    /// The store is asked for what memory does not have, up to 128 keys in one round trip, each of
    /// which has the time budget of a look-up. Once it has not answered, the other keys are looked
    /// for in memory alone.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # let cache = larder::CacheFactory::for_testing().await?;
    /// cache.set_many([("user:1", "Ada".to_owned()), ("user:2", "Alan".to_owned())]).await;
    /// let names = cache.get_many::<String>(&["user:2", "user:3"]).await;
    /// assert_eq!(names, [Some("Alan".to_owned()), None]);
    /// assert_eq!(cache.remove_many(&["user:1", "user:3"]).await, 1);
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    pub async fn get_many<T: Value>(&self, keys: &[impl AsRef<str> + Sync]) -> Vec<Option<T>> {
        let kind = &*self.inner;
        let mut values: Vec<Option<T>> = Vec::with_capacity(keys.len());
        let mut sought = Vec::new();
        for key in keys {
            let chosen = self.chosen_or_count(key.as_ref());
            let chosen = chosen.filter(|chosen| self.looks_up(chosen));
            let value = chosen.as_ref().and_then(|chosen| self.in_memory(chosen));
            if let Some(chosen) = chosen.filter(|_| value.is_none()) {
                sought.push((values.len(), chosen));
            }
            values.push(value);
        }
        let results = Results::of_shape(call::opaque::<T>());
        let mut store_answers = kind.store.is_some();
        let mut sought = sought.into_iter();
        while sought.len() > 0 {
            let lot = sought.by_ref().take(AT_ONCE);
            let lot = lot.map(|(at, chosen)| {
                let record = self.record(&chosen);
                let pending = self.pending(chosen, kind.chosen.lifetime.ttl);
                ((at, record), pending)
            });
            let (places, lot): (Vec<_>, Vec<Pending>) = lot.unzip();
            let lot = Lot::of(lot);
            let found = lot.find(&results, &mut store_answers).await;
            for ((at, mut record), found) in places.into_iter().zip(found) {
                match &found {
                    Some((entry, origin)) => record.hit(entry, *origin),
                    None => record.end(Ending::Missed),
                }
                values[at] = found.and_then(|(entry, _)| entry.value.downcast_ref().cloned());
            }
        }
        values
    }

    /// Keeps these values for the kind's default lifetime, as [`set`](Self::set) does. Of several
    /// for one key the last one counts.
    ///
    /// They are written up to 128 in one round trip. Returns when the store has them, or has failed
    /// to take some; then it is not waited for any more.
    pub async fn set_many<T: Value>(
        &self,
        entries: impl IntoIterator<Item = (impl AsRef<str>, T)>,
    ) {
        let ttl = self.inner.chosen.lifetime.ttl;
        self.set_many_for(entries, ttl).await;
    }

    /// Keeps these values for this long, in the same way. A lifetime of zero forgets the keys.
    pub async fn set_many_for<T: Value>(
        &self,
        entries: impl IntoIterator<Item = (impl AsRef<str>, T)>,
        ttl: impl Into<Ttl>,
    ) {
        let ttl = ttl.into();
        let entries = entries.into_iter().filter_map(|(key, value)| {
            let chosen = self.chosen_or_count(key.as_ref())?;
            Some((self.pending(chosen, ttl), value))
        });
        // All of them now: the caller's iterator is not held while the store is waited for.
        let entries: Vec<(Pending, T)> = entries.collect();
        // Switched off: what was there is over all the same.
        if ttl.is_zero() || !self.is_on() {
            let keys = entries.into_iter().map(|(key, _)| key);
            self.remove_lots(keys.collect(), true).await;
            return;
        }
        let value_type = ValueType::of::<Own<T>>();
        let mut store_answers = true;
        let mut entries = entries.into_iter();
        while entries.len() > 0 {
            let (keys, values): (Vec<_>, Vec<_>) = entries.by_ref().take(AT_ONCE).unzip();
            let values = values.into_iter();
            let values = values.map(|value| |head| Arc::new(Entry { head, value }) as Arc<Entry>);
            let lot = Lot::of(keys);
            lot.set(values.collect(), ttl, value_type, &mut store_answers)
                .await;
        }
    }

    /// Forgets these keys in both tiers, as [`remove`](Self::remove) does, and counts those that
    /// either had.
    ///
    /// The store is told of up to 128 keys in one round trip. Once it has not answered, it is told
    /// of the others as soon as it answers, or when they are next looked up.
    pub async fn remove_many(&self, keys: &[impl AsRef<str> + Sync]) -> u64 {
        self.forget_many(keys, true).await
    }

    /// `is_told`: to those who listen, key by key.
    pub(super) async fn forget_many(&self, keys: &[impl AsRef<str> + Sync], is_told: bool) -> u64 {
        let ttl = self.inner.chosen.lifetime.ttl;
        let chosen = keys.iter().filter_map(|key| self.chosen(key.as_ref()).ok());
        let keys = chosen.map(|chosen| self.pending(chosen, ttl));
        self.remove_lots(keys.collect(), is_told).await
    }

    async fn remove_lots(&self, keys: Vec<Pending>, is_told: bool) -> u64 {
        let mut removed = 0;
        let mut store_answers = true;
        let mut keys = keys.into_iter();
        while keys.len() > 0 {
            let lot = Lot::of(keys.by_ref().take(AT_ONCE).collect());
            removed += lot.remove(&mut store_answers, is_told).await;
        }
        removed
    }
}
