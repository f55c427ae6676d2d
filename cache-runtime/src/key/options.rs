//! Options of a call, of which every field counts in the key unless its type says otherwise.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use serde::ser::{Serialize, SerializeStruct, Serializer};

/// Options of a call, such as a request to a language model, that say themselves what of them is in the
/// key: every field, unless it is marked as one that changes no answer.
///
/// `#[derive(larder::Options)]` writes it, for structs with named fields. A field that is added later
/// counts without another word; one that was forgotten would have two different requests get one
/// answer. What serde would show of the type does not matter, neither names nor fields that it
/// leaves out; but a field that serde hides has to be decided on, or the derive is an error:
///
/// | on a field | meaning |
/// |---|---|
/// | nothing | its name and its value are in the key: a `None` too |
/// | `#[options(skip)]` | it changes no answer, and is not in the key |
/// | `#[options(count)]` | it is in the key, though serde hides it: `skip`, `skip_serializing`, `skip_serializing_if`, `with`, `serialize_with` |
///
/// Where the type of a field has `Options` too, or is a list (`Vec`, `VecDeque`, an array, a slice), a map
/// (`BTreeMap`, `HashMap`: its values), an `Option`, a reference, a `Box`, `Arc` or `Cow` of one that has,
/// they say what of the value is in the key; else it is what serde shows of it, and a type *inside* of it, of
/// an enum or a tuple, may still hide something there. In a generic struct only a bound is seen. Names
/// count, but neither the order of the fields nor the name of the struct.
/// `#[options(crate = my_dependency::larder)]` on the struct says where `larder` is, if that cannot
/// be found in the manifest.
///
/// `#[cached(options = request)]` has a parameter in the key in this way: a type with `Options`, or a
/// reference, a list, an `Option`, a `Box` or an `Arc` of one. An enum has no derive: as a field it counts
/// as serde shows it. With [`KeyBuilder`](crate::KeyBuilder) it is
/// `.arg("request", &request.in_key())`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the options of a call",
    label = "this does not implement `larder::Options`",
    note = "add `#[derive(larder::Options)]` to the type; without `options = ..`, a parameter is in \
            the key as serde shows it"
)]
pub trait Options {
    /// What of it is in the key: shown to serde as a struct without a name, whose fields are sorted
    /// by theirs.
    fn in_key(&self) -> impl Serialize;
}

impl<T: Options + ?Sized> Options for &T {
    fn in_key(&self) -> impl Serialize {
        T::in_key(self)
    }
}

impl<T: Options + ?Sized> Options for &mut T {
    fn in_key(&self) -> impl Serialize {
        T::in_key(self)
    }
}

impl<T: Options + ?Sized> Options for Box<T> {
    fn in_key(&self) -> impl Serialize {
        T::in_key(self)
    }
}

impl<T: Options + ?Sized> Options for Arc<T> {
    fn in_key(&self) -> impl Serialize {
        T::in_key(self)
    }
}

impl<T: Options> Options for Option<T> {
    fn in_key(&self) -> impl Serialize {
        self.as_ref().map(T::in_key)
    }
}

impl<T: Options> Options for [T] {
    fn in_key(&self) -> impl Serialize {
        self.iter().map(Said).collect::<Vec<_>>()
    }
}

impl<T: Options> Options for Vec<T> {
    fn in_key(&self) -> impl Serialize {
        Said(self.as_slice())
    }
}

impl<T: Options, const N: usize> Options for [T; N] {
    fn in_key(&self) -> impl Serialize {
        Said(self.as_slice())
    }
}

impl<T: Options> Options for VecDeque<T> {
    fn in_key(&self) -> impl Serialize {
        self.iter().map(Said).collect::<Vec<_>>()
    }
}

impl<T: Options + ToOwned + ?Sized> Options for Cow<'_, T> {
    fn in_key(&self) -> impl Serialize {
        Said(&**self)
    }
}

impl<K: Serialize, V: Options> Options for BTreeMap<K, V> {
    fn in_key(&self) -> impl Serialize {
        Values(self)
    }
}

impl<K: Serialize, V: Options, S> Options for HashMap<K, V, S> {
    fn in_key(&self) -> impl Serialize {
        Values(self)
    }
}

/// A map by what its values say of themselves.
struct Values<'a, M>(&'a M);

impl<'a, K: Serialize + 'a, V: Options + 'a, M> Serialize for Values<'a, M>
where
    &'a M: IntoIterator<Item = (&'a K, &'a V)>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entries = self.0.into_iter();
        serializer.collect_map(entries.map(|(key, value)| (key, Said(value))))
    }
}

/// A field of options, on its way to what of it is in the key.
#[expect(missing_debug_implementations, reason = "would show the options")]
pub struct Field<'a, T: ?Sized>(pub &'a T);

/// Leads from a field to what of it is in the key: what its type says, where that has [`Options`], else
/// what serde shows. `(&&Field(&value)).__larder_in_key()` takes the first of the two that there is.
pub trait InKey {
    /// What is in the key.
    type Shown;

    /// What is in the key.
    fn __larder_in_key(self) -> Self::Shown;
}

impl<'a, T: Options + ?Sized> InKey for &&Field<'a, T> {
    type Shown = Said<'a, T>;

    fn __larder_in_key(self) -> Said<'a, T> {
        Said(self.0)
    }
}

impl<'a, T: ?Sized> InKey for &Field<'a, T> {
    type Shown = &'a T;

    fn __larder_in_key(self) -> &'a T {
        self.0
    }
}

/// What a type with [`Options`] says of itself.
#[expect(missing_debug_implementations, reason = "would show the options")]
pub struct Said<'a, T: ?Sized>(&'a T);

impl<T: Options + ?Sized> Serialize for Said<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.in_key().serialize(serializer)
    }
}

/// What can be shown of a field: what its type says itself, or what serde writes of it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a part of the key",
    label = "this does not implement `serde::Serialize`",
    note = "add `#[derive(serde::Serialize)]` or `#[derive(larder::Options)]` to a type of yours, or the \
            feature `serde` to the dependency that a type is from",
    note = "or write `#[options(skip)]` on the field, if it changes no answer"
)]
pub trait Shown: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize> Shown for T {}

/// The fields of options that are in the key, from the first to the last, each with its name. Written
/// by a derive, sorted.
#[expect(missing_debug_implementations, reason = "would show the options")]
#[derive(Clone, Copy)]
pub struct Fields<F>(F);

/// A field and those before it.
struct And<F, T> {
    before: F,
    name: &'static str,
    shown: T,
}

impl Fields<()> {
    /// No field yet.
    #[must_use]
    pub const fn none() -> Self {
        Self(())
    }
}

impl<F: Listed> Fields<F> {
    /// And this one. What its type lacks is said here, and not once more of the whole.
    #[must_use]
    pub fn and<T: Shown>(self, name: &'static str, shown: T) -> Fields<impl Listed> {
        Fields(And {
            before: self.0,
            name,
            shown,
        })
    }
}

/// Fields one after the other.
pub trait Listed {
    /// How many.
    const COUNT: usize;

    /// Shows them to serde.
    ///
    /// # Errors
    /// The first one that a value or the serializer gives.
    fn show<S: SerializeStruct>(&self, shown: &mut S) -> Result<(), S::Error>;
}

impl Listed for () {
    const COUNT: usize = 0;

    fn show<S: SerializeStruct>(&self, _shown: &mut S) -> Result<(), S::Error> {
        Ok(())
    }
}

impl<F: Listed, T: Serialize> Listed for And<F, T> {
    const COUNT: usize = F::COUNT + 1;

    fn show<S: SerializeStruct>(&self, shown: &mut S) -> Result<(), S::Error> {
        self.before.show(shown)?;
        shown.serialize_field(self.name, &self.shown)
    }
}

impl<F: Listed> Serialize for Fields<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shown = serializer.serialize_struct("", F::COUNT)?;
        self.0.show(&mut shown)?;
        shown.end()
    }
}
