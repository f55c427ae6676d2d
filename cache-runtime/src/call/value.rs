//! What a cache can keep.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that can be kept in memory and in a store: cloned for every hit, and written and read
/// with serde.
///
/// Implemented for every type that has what it takes; nothing is to be written by hand.
#[diagnostic::on_unimplemented(
    message = "a cache cannot keep `{Self}`",
    label = "this would have to be kept",
    note = "a kept value needs `Clone`, `Send`, `Sync`, `serde::Serialize` and \
            `serde::Deserialize`, and no borrowed parts: add \
            `#[derive(Clone, serde::Serialize, serde::Deserialize)]` to the type"
)]
pub trait Value: Clone + Send + Sync + Serialize + DeserializeOwned + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + Serialize + DeserializeOwned + 'static> Value for T {}
