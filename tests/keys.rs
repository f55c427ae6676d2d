//! Arguments and their keys: which make one key and which never do, without any cache.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/model.rs"]
mod model;
#[path = "support/keys.rs"]
mod support;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};

use larder::{CacheConfig, CacheError, KeyBuilder};
use model::{Model, Reversed, models};
use proptest::prelude::*;
use serde::{Serialize, Serializer};
use support::{builder, built, plain, runner};

fn key_of<T: Serialize + ?Sized>(value: &T) -> String {
    built(builder(&plain(), "web").arg("it", value))
}

/// Each tuple of arguments is compared with all that came before it, too.
#[test]
fn different_arguments_never_make_one_key_and_equal_ones_always_do() {
    fn key<T: Serialize>(config: &CacheConfig, [a, b, c]: [&T; 3]) -> String {
        built(builder(config, "web").arg("a", a).arg("b", b).arg("c", c))
    }
    let config = plain();
    let seen: RefCell<HashMap<String, [Model; 3]>> = RefCell::default();
    let strategy = prop::collection::vec((models(), models(), models()), 1..4);
    runner()
        .run(&strategy, |tuples| {
            for (a, b, c) in tuples {
                let name = key(&config, [&a, &b, &c]);
                let reversed = [&Reversed(&a), &Reversed(&b), &Reversed(&c)];
                prop_assert_eq!(&name, &key(&config, reversed));
                let arguments = [a, b, c];
                let mut seen = seen.borrow_mut();
                let first = seen.entry(name).or_insert_with(|| arguments.clone());
                prop_assert_eq!(&*first, &arguments);
            }
            Ok(())
        })
        .expect("no two meet");
}

/// What the names of structs and the numbers of elements alone would not tell apart.
#[test]
fn a_struct_with_fields_is_never_taken_for_a_tuple_struct_and_its_neighbours() {
    mod tuples {
        #[derive(serde::Serialize)]
        pub(super) struct A(pub(super) &'static str, pub(super) u8);
    }
    mod fields {
        #[derive(serde::Serialize)]
        pub(super) struct A {
            pub(super) x: u8,
            pub(super) y: u8,
        }
    }
    let tuple = || tuples::A("x", 1);
    let fields = || fields::A { x: 1, y: 2 };
    assert_ne!(
        key_of(&(tuple(), "y", 2_u8, fields())),
        key_of(&(fields(), tuple(), "y", 2_u8))
    );
}

#[test]
fn the_order_of_arguments_does_not_count_and_their_names_do() {
    let config = plain();
    let key = |names: [&str; 2], values: [u32; 2]| {
        let key = builder(&config, "web").arg(names[0], &values[0]);
        built(key.arg(names[1], &values[1]))
    };
    assert_eq!(key(["a", "b"], [1, 2]), key(["b", "a"], [2, 1]));
    assert_ne!(key(["a", "b"], [1, 2]), key(["a", "b"], [2, 1]));
    assert_ne!(key(["a", "b"], [1, 2]), key(["a", "c"], [1, 2]));
}

#[test]
fn maps_in_any_order_are_one_argument() {
    let keys: HashSet<String> = (0..50)
        .map(|_| {
            key_of(
                &(0..100)
                    .map(|n| (n, n.to_string()))
                    .collect::<HashMap<_, _>>(),
            )
        })
        .collect();
    assert_eq!(keys.len(), 1);
    let sorted: BTreeMap<_, _> = (0..100).map(|n| (n, n.to_string())).collect();
    assert!(keys.contains(&key_of(&sorted)));
}

#[test]
fn a_hash_set_in_any_order_is_one_argument() {
    let set = || (0..20_000).collect::<HashSet<u32>>();
    let key = key_of(&set());
    for _ in 0..5 {
        assert_eq!(key_of(&set()), key);
        assert_eq!(key_of(&&set()), key);
        assert_eq!(key_of(&&mut set()), key);
    }
    assert_ne!(key_of(&(0..19_999).collect::<HashSet<u32>>()), key);
}

#[test]
fn the_lists_in_a_hash_set_keep_their_order() {
    let set = |list: [u8; 2]| key_of(&HashSet::from([list.to_vec()]));
    assert_ne!(set([1, 2]), set([2, 1]));
}

/// Shows itself inside of itself, this many times.
#[derive(Clone, Copy)]
struct Nested {
    times: usize,
    how: How,
}

#[derive(Clone, Copy)]
enum How {
    Some,
    Newtype,
    Variant,
    Sequence,
    Map,
    Field,
}

impl Serialize for Nested {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;

        let Some(times) = self.times.checked_sub(1) else {
            return to.serialize_bool(true);
        };
        let inner = &Self { times, ..*self };
        match self.how {
            How::Some => to.serialize_some(inner),
            How::Newtype => to.serialize_newtype_struct("Nested", inner),
            How::Variant => to.serialize_newtype_variant("Nested", 0, "It", inner),
            How::Sequence => to.collect_seq([inner]),
            How::Map => to.collect_map([(0, inner)]),
            How::Field => {
                let mut fields = to.serialize_struct("Nested", 1)?;
                fields.serialize_field("inner", inner)?;
                fields.end()
            }
        }
    }
}

#[test]
fn an_argument_of_more_than_128_levels_is_refused_and_overflows_no_stack() {
    let on_a_usual_stack = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
    let all = on_a_usual_stack.spawn(|| {
        let config = plain();
        for how in [
            How::Some,
            How::Newtype,
            How::Variant,
            How::Sequence,
            How::Map,
            How::Field,
        ] {
            let key = |times| {
                builder(&config, "web")
                    .arg("it", &Nested { times, how })
                    .build()
            };
            assert!(key(128).is_ok());
            assert!(key(129).is_err());
            assert!(key(usize::MAX).is_err());
        }
    });
    all.expect("a thread").join().expect("no panic");
}

#[test]
fn bytes_that_are_no_text_are_arguments_as_any() {
    struct Bytes(&'static [u8]);
    impl Serialize for Bytes {
        fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            to.serialize_bytes(self.0)
        }
    }
    let keys: HashSet<String> = [&[0xFF_u8, 0xFE] as &[u8], &[0xFE, 0xFF], &[0xC0], &[], b"a"]
        .into_iter()
        .flat_map(|bytes| [key_of(&Bytes(bytes)), key_of(bytes)])
        .chain([key_of("a")])
        .collect();
    assert_eq!(keys.len(), 11);
}

#[test]
fn what_makes_no_key_is_answered_with_an_error() {
    struct Stubborn;
    impl Serialize for Stubborn {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("canary"))
        }
    }
    let config = plain();
    for (key, problem) in [
        (
            builder(&config, "web").arg("n", &1).arg("n", &2),
            "`n` twice",
        ),
        (builder(&config, "web").text("a").text("b"), "a second text"),
        (
            builder(&config, "ai").question("a").question("b"),
            "`question` twice",
        ),
        (
            builder(&config, "web").arg("it", &Stubborn),
            "`it`, which refuses",
        ),
    ] {
        let error = key.build().expect_err(problem);
        assert!(matches!(error, CacheError::Validation { .. }));
        let error = error.to_string();
        assert!(
            error.contains(problem) && !error.contains("canary"),
            "{error}"
        );
    }
    let error = KeyBuilder::new(&config, "web", " ").expect_err("no operation");
    assert!(matches!(error, CacheError::Validation { .. }), "{error}");
    let error = KeyBuilder::new(&config, "", "op").expect_err("no kind");
    assert!(matches!(error, CacheError::Configuration { .. }), "{error}");
}

#[test]
fn a_value_that_goes_on_after_a_part_refused_has_no_key() {
    struct Refuses;
    impl Serialize for Refuses {
        fn serialize<S: Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("not me"))
        }
    }
    struct GoesOn;
    impl Serialize for GoesOn {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq;
            let mut list = serializer.serialize_seq(None)?;
            let _ = list.serialize_element(&(1, Refuses));
            list.serialize_element(&2)?;
            list.end()
        }
    }
    let config = CacheConfig::builder().build().expect("valid");
    let key = KeyBuilder::new(&config, "web", "list").expect("valid");
    assert!(key.arg("list", &GoesOn).build().is_err());
}
