//! For whom calls are made: a partition of everything that is kept.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::local;

/// Runs `call` for a tenant: every cached call inside, and every method of a
/// [`Cache`](crate::Cache), has only what was kept for the same tenant, in memory, in the store and
/// in the calls that it joins. Calls without a tenant are a partition of their own.
///
/// It holds for everything that `call` itself awaits, and not for what it spawns: [`carry`] takes
/// the tenant along. Of two tenants, one inside of the other, the inner one holds.
///
/// A tenant has no name in logs and in keys: the store has a digest of it.
///
/// ```
/// # use cache_runtime as larder;
/// # async fn invoices(month: u32) -> Vec<u64> { Vec::new() }
/// # async fn example() {
/// let invoices = larder::call::tenant("acme", invoices(11)).await;
/// # }
/// ```
pub fn tenant<F: Future>(tenant: impl Into<Arc<str>>, call: F) -> impl Future<Output = F::Output> {
    for_tenant(Some(tenant.into()), call)
}

/// Takes the tenant of the task that calls this into a future that another task runs.
///
/// ```
/// # use cache_runtime as larder;
/// # async fn invoices(month: u32) -> Vec<u64> { Vec::new() }
/// # async fn example() {
/// larder::call::tenant("acme", async {
///     tokio::spawn(larder::call::carry(invoices(11))).await
/// })
/// .await;
/// # }
/// ```
pub fn carry<F: Future>(call: F) -> impl Future<Output = F::Output> {
    for_tenant(local::tenant().ok().flatten(), call)
}

pub(super) fn for_tenant<F: Future>(
    tenant: Option<Arc<str>>,
    call: F,
) -> impl Future<Output = F::Output> {
    ForTenant {
        call: Some(call),
        tenant,
    }
}

pin_project! {
    struct ForTenant<F> {
        // Until it is dropped.
        #[pin]
        call: Option<F>,
        tenant: Option<Arc<str>>,
    }

    impl<F> PinnedDrop for ForTenant<F> {
        // What is dropped with the call may call cached functions too.
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            in_tenant(this.tenant, || this.call.set(None));
        }
    }
}

impl<F: Future> Future for ForTenant<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        match this.call.as_pin_mut() {
            Some(call) => in_tenant(this.tenant, || call.poll(context)),
            None => Poll::Pending,
        }
    }
}

/// Calls `run` for a tenant, which is lent to the thread, and puts back the one that was there, also when it
/// panics.
pub(crate) fn in_tenant<R>(tenant: &mut Option<Arc<str>>, run: impl FnOnce() -> R) -> R {
    struct PutBack<'a>(&'a mut Option<Arc<str>>);
    impl Drop for PutBack<'_> {
        fn drop(&mut self) {
            local::swap_tenant(self.0);
        }
    }
    local::swap_tenant(tenant);
    let _put_back = PutBack(tenant);
    run()
}
