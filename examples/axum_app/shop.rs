//! A database of products, as slow as one at the other end of a network.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

const LATENCY: Duration = Duration::from_millis(20);

const NAMES: [&str; 5] = ["lantern", "kettle", "rope", "compass", "blanket"];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Product {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) cents: u32,
}

/// A handle, cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    products: Arc<Mutex<BTreeMap<u32, Product>>>,
}

impl Shop {
    /// A shop with a thousand products, numbered from 1.
    pub(crate) fn open() -> Self {
        let products = (1..).zip(NAMES.into_iter().cycle()).take(1000);
        let products = products.map(|(id, name)| {
            let name = format!("{name} no. {id}");
            let cents = 100 * id;
            (id, Product { id, name, cents })
        });
        Self {
            products: Arc::new(Mutex::new(products.collect())),
        }
    }

    pub(crate) async fn find(&self, id: u32) -> Option<Product> {
        tokio::time::sleep(LATENCY).await;
        self.lock().get(&id).cloned()
    }

    pub(crate) fn change_price(&self, id: u32, cents: u32) {
        if let Some(product) = self.lock().get_mut(&id) {
            product.cents = cents;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Product>> {
        self.products.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
