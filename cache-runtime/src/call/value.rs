//! What a cache can keep.

use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::envelope::{Keep, ValueType};
use crate::policy::Cacheable;

/// A value that can be kept in memory and in a store: cloned for every hit, and written and read
/// with serde.
///
/// Implemented for every type that has what it takes; nothing is to be written by hand.
#[diagnostic::on_unimplemented(
    message = "a cache cannot keep `{Self}`",
    label = "this would have to be kept",
    note = "a kept value needs `Clone`, `Send`, `Sync`, `serde::Serialize` and \
            `serde::Deserialize`, and no borrowed parts: add \
            `#[derive(Clone, serde::Serialize, serde::Deserialize)]` to a type of yours, the bounds \
            `Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static` to a \
            type parameter, or the feature `serde` to the dependency that a type is from (`rc` to \
            serde for `Arc<str>`)",
    note = "write `#[cached(local)]` to keep it in memory alone, without serde"
)]
pub trait Value: Clone + Send + Sync + Serialize + DeserializeOwned + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + Serialize + DeserializeOwned + 'static> Value for T {}

/// A value that can be kept behind an `Arc`: written and read with serde.
///
/// Implemented for every type that has what it takes; nothing is to be written by hand.
#[diagnostic::on_unimplemented(
    message = "a cache cannot keep `Arc<{Self}>`",
    label = "this would have to be kept",
    note = "a value that is kept behind an `Arc` needs `Send`, `Sync`, `serde::Serialize` and \
            `serde::Deserialize`, and no borrowed parts: add \
            `#[derive(serde::Serialize, serde::Deserialize)]` to the type",
    note = "write `#[cached(local)]` to keep it in memory alone, without serde"
)]
pub trait SharedValue: Send + Sync + Serialize + DeserializeOwned + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Send + Sync + Serialize + DeserializeOwned + 'static> SharedValue for T {}

/// A value that can be kept in memory: cloned for every hit.
///
/// Implemented for every type that has what it takes; nothing is to be written by hand.
#[diagnostic::on_unimplemented(
    message = "a cache cannot keep `{Self}`, not even in memory",
    label = "this would have to be kept",
    note = "a value that is kept in memory needs `Clone`, `Send` and `Sync`, and no borrowed \
            parts; put what has no `Clone` into an `Arc`"
)]
pub trait LocalValue: Clone + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> LocalValue for T {}

/// How a value is kept in the tiers.
pub trait Tiered {
    /// What is in memory.
    type Kept: Clone + Send + Sync + 'static;

    /// How that is written into a store; `None`: it stays in memory.
    #[must_use]
    fn value_type() -> Option<ValueType>;

    /// Whether the value itself has nothing against it.
    fn is_cacheable(kept: &Self::Kept) -> bool {
        let _ = kept;
        true
    }
}

/// A value is kept as it is.
#[derive(Debug)]
pub struct Own<T>(PhantomData<fn() -> T>);

/// A value is kept behind the `Arc` that it comes in.
#[derive(Debug)]
pub struct Shared<T>(PhantomData<fn() -> T>);

/// A value is kept in memory alone.
#[derive(Debug)]
pub struct Local<T>(PhantomData<fn() -> T>);

/// A value is kept in one of these ways, if it wants to be.
#[derive(Debug)]
pub struct Wary<K>(PhantomData<fn() -> K>);

impl<T: Value> Keep for Own<T> {
    type Kept = T;
    type Written = T;

    fn written(kept: &T) -> &T {
        kept
    }

    fn kept(read: T) -> T {
        read
    }
}

impl<T: SharedValue> Keep for Shared<T> {
    type Kept = Arc<T>;
    type Written = T;

    fn written(kept: &Arc<T>) -> &T {
        kept
    }

    fn kept(read: T) -> Arc<T> {
        Arc::new(read)
    }
}

impl<T: Value> Tiered for Own<T> {
    type Kept = T;

    fn value_type() -> Option<ValueType> {
        Some(ValueType::of::<Self>())
    }
}

impl<T: SharedValue> Tiered for Shared<T> {
    type Kept = Arc<T>;

    fn value_type() -> Option<ValueType> {
        Some(ValueType::of::<Self>())
    }
}

impl<T: LocalValue> Tiered for Local<T> {
    type Kept = T;

    fn value_type() -> Option<ValueType> {
        None
    }
}

impl<K: Tiered<Kept: Cacheable>> Tiered for Wary<K> {
    type Kept = K::Kept;

    fn value_type() -> Option<ValueType> {
        K::value_type()
    }

    fn is_cacheable(kept: &K::Kept) -> bool {
        kept.is_cacheable()
    }
}
