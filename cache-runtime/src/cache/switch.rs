//! Caching that is switched off for a while.

use super::Cache;
use crate::registry;

impl Cache {
    /// Switches the kind off in this process, until [`switch_on`](Self::switch_on). Calls that begin
    /// afterwards run as without a cache.
    ///
    /// Annotated functions run their bodies: nothing is looked up, kept or waited for, and
    /// [`outcome`](crate::call::outcome) says [`SwitchedOff`](crate::call::MissReason::SwitchedOff).
    /// For the methods of this handle every key is absent, nothing is kept, and
    /// [`get_or_compute`](Self::get_or_compute) computes each time; those that list or count what is
    /// there ([`keys`](Self::keys), [`size`](Self::size), [`stats`](Self::stats)) still do. Such calls
    /// and look-ups are counted as [`switched_off`](crate::CacheStats::switched_off).
    ///
    /// What is there stays, and is served again after `switch_on` as long as its lifetime lasts, but
    /// for what was invalidated meanwhile, here or by other processes: that goes on in full. So does
    /// what would have been replaced: [`set`](Self::set) and [`call::refresh`](crate::call::refresh)
    /// keep nothing, and forget what was there. Computations that are under way keep what they bring.
    ///
    /// This is about the cache behind the handle, not about the name of its kind: one that is
    /// [registered](crate::register) in its place is on.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let cache = larder::CacheFactory::for_testing().await?;
    /// cache.set("user:123", 7).await;
    /// cache.switch_off();
    /// assert_eq!(cache.get::<i32>("user:123").await, None);
    /// cache.switch_on();
    /// assert_eq!(cache.get::<i32>("user:123").await, Some(7));
    /// # Ok::<(), larder::CacheError>(())
    /// # }).unwrap();
    /// ```
    pub fn switch_off(&self) {
        self.inner.switch.turn(false);
        registry::changed_everywhere();
    }

    /// Switches the kind on again; operations that are off by themselves stay off.
    pub fn switch_on(&self) {
        self.inner.switch.turn(true);
        registry::changed_everywhere();
    }

    /// Whether the kind is on, as it is in the beginning.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.inner.switch.is_off()
    }

    /// Switches off the annotated functions with this operation, as
    /// [`switch_off`](Self::switch_off) does with all of the kind. It may be one that has not been
    /// called yet. The keys that the application chooses belong to no operation.
    ///
    /// ```
    /// # use cache_runtime as larder;
    /// # async fn example(cache: larder::Cache) {
    /// // The model is being tried out.
    /// cache.switch_operation_off("summarize");
    /// # }
    /// ```
    pub fn switch_operation_off(&self, operation: &str) {
        self.inner.switch.turn_operation(operation, false);
        registry::changed_everywhere();
    }

    /// Switches the operation on again; with the kind off, its functions run without a cache all the
    /// same.
    pub fn switch_operation_on(&self, operation: &str) {
        self.inner.switch.turn_operation(operation, true);
        registry::changed_everywhere();
    }

    /// Whether functions with this operation use the cache: neither the operation nor the kind is
    /// off.
    #[must_use]
    pub fn is_operation_on(&self, operation: &str) -> bool {
        self.inner.switch.is_on_for(operation)
    }
}
