//! Options of a call, of which every field counts in the key unless its type says otherwise.

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
/// The value of a field is what serde shows of it. So a type *inside* of a field may still hide
/// something there. Names count, but neither the order of the fields nor the name of the struct.
/// `#[options(crate = my_dependency::larder)]` on the struct says where `larder` is, if that cannot
/// be found in the manifest.
///
/// `#[cached(options = request)]` has a parameter in the key in this way: a type with `Options`, or a
/// reference, an `Option`, a `Box` or an `Arc` of one. An enum has no derive: as a field it counts as
/// serde shows it. With [`KeyBuilder`](crate::KeyBuilder) it is
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

/// A field of options: written with serde.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a part of the key",
    label = "this does not implement `serde::Serialize`",
    note = "add `#[derive(serde::Serialize)]` to a type of yours, or the feature `serde` to the \
            dependency that a type is from",
    note = "or write `#[options(skip)]` on the field, if it changes no answer"
)]
pub trait OptionField: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> OptionField for T {}

/// The fields of options that are in the key, from the first to the last, each with its name. Written
/// by a derive, sorted.
#[expect(missing_debug_implementations, reason = "would show the options")]
#[derive(Clone, Copy)]
pub struct Fields<F>(F);

/// A field and those before it.
struct And<'a, F, T: ?Sized> {
    before: F,
    name: &'static str,
    value: &'a T,
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
    pub fn and<T: OptionField + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Fields<impl Listed> {
        Fields(And {
            before: self.0,
            name,
            value,
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

impl<F: Listed, T: Serialize + ?Sized> Listed for And<'_, F, T> {
    const COUNT: usize = F::COUNT + 1;

    fn show<S: SerializeStruct>(&self, shown: &mut S) -> Result<(), S::Error> {
        self.before.show(shown)?;
        shown.serialize_field(self.name, self.value)
    }
}

impl<F: Listed> Serialize for Fields<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shown = serializer.serialize_struct("", F::COUNT)?;
        self.0.show(&mut shown)?;
        shown.end()
    }
}
