//! What is forgotten: a key, those that match, or everything of an operation, tag, tenant or kind.

use super::{Cache, all_if_empty};
use crate::call;
use crate::generation::Invalidation;
use crate::key::{CHOSEN, chosen_by_application, glob_match};
use crate::kind::Reach;
use crate::observe::{Extent, Invalidated, Of};

impl Cache {
    /// Forgets `key` in both tiers, and says whether either had it.
    ///
    /// Nothing that was being computed for it is kept, in this process and, once the store has been
    /// told, in others: see [`Tombstone`](crate::Tombstone). Other processes over the same Redis hear
    /// of it and forget it too, at once or within the
    /// [ceiling](crate::CacheConfigBuilder::invalidation_ceiling). What the store has is not served
    /// to this process any more, even if the store could not be told; then it is told as soon as it
    /// answers, or when the key is next looked up.
    pub async fn remove(&self, key: &str) -> bool {
        match self.chosen(key) {
            Ok(chosen) => {
                let pending = self.pending(chosen, self.inner.chosen.lifetime.ttl);
                pending.remove().await
            }
            Err(_) => false,
        }
    }

    /// Ends the lifetime of `key`, and says whether there was a value. Values under keys that the
    /// application chose are not served past their lifetime, so this does what
    /// [`remove`](Self::remove) does; [`call::expire`](crate::call::expire()) keeps the answer of a
    /// function for `stale_if_error`.
    pub async fn expire(&self, key: &str) -> bool {
        self.remove(key).await
    }

    /// Forgets the application's keys that match a glob as in [`keys`](Self::keys), and counts
    /// them. What a failing store could not say is not counted.
    ///
    /// Nothing is kept of what this process was computing for them. What another one was computing
    /// for a key that the store does not have may still be written; tags have no such gap
    /// ([`remove_tag`](Self::remove_tag)).
    ///
    /// With [`KeyPrivacy::Hashed`](crate::KeyPrivacy::Hashed) it forgets the keys that
    /// [`keys`](Self::keys) lists: those in memory, in both tiers. A key that is in the store alone
    /// stays there.
    pub async fn remove_matching(&self, pattern: &str) -> u64 {
        let kind = &*self.inner;
        let pattern = all_if_empty(pattern);
        let in_memory = || {
            let keys = self.active_keys().into_iter();
            keys.filter(|key| glob_match(pattern, key))
        };
        let Ok(tenant) = call::current_tenant() else {
            return 0;
        };
        let tenant = tenant.as_deref();
        let note = kind.note(Invalidated::Matching(pattern));
        let invalidate_under_way = || {
            kind.flights.invalidate_matching(|key| {
                let key = chosen_by_application(tenant, key);
                key.is_some_and(|key| glob_match(pattern, &key))
            });
        };
        // What is under way is not kept.
        invalidate_under_way();
        let prefix = kind.keys.chosen_prefix(tenant);
        let names = prefix.as_ref().map(|prefix| format!("{prefix}{pattern}"));
        kind.tell_invalidated(
            Extent::Matching,
            Of::Operation(CHOSEN),
            tenant,
            names.as_deref(),
            Invalidation::Remove,
        );
        let in_store = match kind.store.as_ref().zip(prefix) {
            Some((store, prefix)) => {
                let removed = store.remove_matching(&prefix, pattern).await;
                if removed.is_none() {
                    store.refuse_all();
                }
                // What was read meanwhile is not kept either.
                invalidate_under_way();
                removed.unwrap_or_default()
            }
            None => 0,
        };
        // In both tiers: the store may have found that its names do not match.
        let in_memory: Vec<String> = in_memory().collect();
        let removed = in_store.max(self.forget_many(&in_memory, false).await);
        kind.invalidations.removed(note, removed);
        removed
    }

    /// Forgets everything of this kind, of all tenants: the application's keys and the results of
    /// annotated functions. In the store, what lies under the kind's own prefix.
    pub async fn clear(&self) -> Reach {
        let kind = &*self.inner;
        let reach = kind.invalidate_all(Invalidation::Remove).await;
        if let Some(memory) = &kind.memory {
            memory.clear();
        }
        if let Some(store) = &kind.store {
            store.settle().await;
            store.clear(&kind.keys.prefix).await;
        }
        reach
    }

    /// Expires everything of this kind, of all tenants, in one step.
    pub async fn expire_all(&self) -> Reach {
        self.inner.invalidate_all(Invalidation::Expire).await
    }

    /// Removes all results of the annotated functions with this operation, of all tenants: in one
    /// step, however many there are. Nothing that was being computed when this was called is served
    /// after it has returned.
    ///
    /// The operation of a function without `op` is its path. The results are not served any more,
    /// but leave memory and store when they are met or their lifetime is over.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # async fn example(cache: larder::Cache) {
    /// // The prompt has changed.
    /// cache.remove_operation("summarize").await;
    /// # }
    /// ```
    pub async fn remove_operation(&self, operation: &str) -> Reach {
        self.inner
            .invalidate_operation(operation, Invalidation::Remove)
            .await
    }

    /// Does what [`remove_operation`](Self::remove_operation) does, then takes the results out of
    /// memory and store, and counts them.
    ///
    /// That takes time: a walk over the entries in memory and over all keys of the store, for at
    /// most a minute. A result in both tiers is counted once; what a failing store could not say
    /// is not counted. What was removed in one step before and is still in the store is counted,
    /// too.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # async fn example(cache: larder::Cache) {
    /// let removed = cache.remove_operation_counted("summarize").await;
    /// println!("{removed} summaries are to be made anew");
    /// # }
    /// ```
    pub async fn remove_operation_counted(&self, operation: &str) -> u64 {
        self.inner.remove_operation_counted(operation).await
    }

    /// Expires all results of the annotated functions with this operation, in the same way.
    pub async fn expire_operation(&self, operation: &str) -> Reach {
        self.inner
            .invalidate_operation(operation, Invalidation::Expire)
            .await
    }

    /// Removes all results of annotated functions that have this tag (`tags(…)`), in one step, as
    /// [`remove_operation`](Self::remove_operation) does. Those of the tenant that this is called
    /// in, or of none.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # async fn example(cache: larder::Cache) {
    /// // User 7 has changed the address.
    /// cache.remove_tag("user:7").await;
    /// # }
    /// ```
    pub async fn remove_tag(&self, tag: &str) -> Reach {
        let tenant = call::current_tenant().ok().flatten();
        self.inner
            .invalidate_tag(tenant.as_deref(), tag, Invalidation::Remove)
            .await
    }

    /// Expires all results of annotated functions that have this tag, in the same way.
    pub async fn expire_tag(&self, tag: &str) -> Reach {
        let tenant = call::current_tenant().ok().flatten();
        self.inner
            .invalidate_tag(tenant.as_deref(), tag, Invalidation::Expire)
            .await
    }

    /// Removes everything of a tenant, in one step, as
    /// [`remove_operation`](Self::remove_operation) does: the results of annotated functions, and
    /// the keys that the application chose.
    pub async fn remove_tenant(&self, tenant: &str) -> Reach {
        self.inner
            .invalidate_tenant(tenant, Invalidation::Remove)
            .await
    }

    /// Expires everything of a tenant, in the same way.
    pub async fn expire_tenant(&self, tenant: &str) -> Reach {
        self.inner
            .invalidate_tenant(tenant, Invalidation::Expire)
            .await
    }
}
