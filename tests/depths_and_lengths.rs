//! A type that changed can make a number be read as a length, a list as a chain as long as the list,
//! and small elements as large ones. None of it may take the memory, the stack or the time of the
//! process.
//!
//! A file of its own, because what goes wrong here ends the process.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use allocation_counter::measure;
use larder::{Cache, Codec};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use support::map_store::MapStore;
use support::roomy;

/// The threads of a server have this much.
const STACK: usize = 2 * 1024 * 1024;

/// No read takes more: 64 MiB by estimate, for maps up to three times as much, and a list that grows
/// has its old and its new room at once.
const MEMORY: u64 = 256 * 1024 * 1024;

/// What another process reads as a `B` where `written` was written, with every codec.
fn pass_on<A, B>(written: &A) -> Vec<(Codec, Option<B>)>
where
    A: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
    B: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let read = |codec: &Codec| {
        let (codec, written) = (*codec, written.clone());
        let (send, receive) = mpsc::channel();
        let reader = move || {
            let store = Arc::<MapStore>::default();
            let open = || {
                let config = roomy().codec(codec).build().expect("valid settings");
                let cache = Cache::builder(codec.name(), &config).store(store.clone());
                cache.build().expect("a cache")
            };
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_time().build().expect("a runtime");
            runtime.block_on(open().set("a", written));
            let mut read = None;
            let used = measure(|| read = runtime.block_on(open().get::<B>("a")));
            send.send((read, used.bytes_max)).expect("somebody waits");
        };
        let thread = thread::Builder::new().stack_size(STACK).spawn(reader);
        thread.expect("a thread");
        let read = receive.recv_timeout(Duration::from_secs(30));
        let (read, used) = read.unwrap_or_else(|error| panic!("{codec}: {error}"));
        assert!(used <= MEMORY, "{codec} took {used} bytes");
        (codec, read)
    };
    Codec::ALL.iter().map(read).collect()
}

#[track_caller]
fn is_a_miss<B: PartialEq>(reads: &[(Codec, Option<B>)]) {
    for (codec, read) in reads {
        assert!(read.is_none(), "{codec} read something");
    }
}

/// Cloned, compared and dropped link by link, so that no more than serde needs a stack.
#[derive(Serialize, Deserialize)]
struct Chain {
    n: u32,
    next: Option<Box<Chain>>,
}

impl Chain {
    fn of(numbers: impl IntoIterator<Item = u32>) -> Self {
        let start = Self { n: 0, next: None };
        numbers.into_iter().fold(start, |next, n| Self {
            n,
            next: Some(Box::new(next)),
        })
    }

    fn numbers(&self) -> Vec<u32> {
        let links = std::iter::successors(Some(self), |link| link.next.as_deref());
        links.map(|link| link.n).collect()
    }
}

impl Clone for Chain {
    fn clone(&self) -> Self {
        let mut numbers = self.numbers();
        numbers.pop();
        Self::of(numbers.into_iter().rev())
    }
}

impl PartialEq for Chain {
    fn eq(&self, other: &Self) -> bool {
        self.numbers() == other.numbers()
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(mut link) = next {
            next = link.next.take();
        }
    }
}

/// Written as a list of one and the same element.
#[derive(Clone, Deserialize)]
struct Repeated<T>(T, usize);

impl<T: Serialize> Serialize for Repeated<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(std::iter::repeat_n(&self.0, self.1))
    }
}

fn small_map<T>() -> BTreeMap<String, Option<T>> {
    BTreeMap::from([(String::new(), None)])
}

#[test]
fn elements_that_are_read_as_anything_take_no_more_memory_than_others() {
    is_a_miss(&pass_on::<_, Value>(&Repeated(small_map::<u8>(), 300_000)));
}

#[test]
fn small_maps_take_no_more_memory_than_large_ones() {
    let maps = Repeated(small_map::<u8>(), 100_000);
    is_a_miss(&pass_on::<_, Vec<BTreeMap<String, Option<[u64; 32]>>>>(
        &maps,
    ));
}

#[test]
fn a_number_that_is_read_as_a_length_takes_no_memory() {
    for number in [300, 1 << 20, 1 << 32, 1 << 46, 1 << 60, u64::MAX] {
        is_a_miss(&pass_on::<_, String>(&number));
        is_a_miss(&pass_on::<_, Vec<u8>>(&number));
        is_a_miss(&pass_on::<_, Vec<[u64; 32]>>(&number));
        is_a_miss(&pass_on::<_, Vec<Option<String>>>(&number));
        is_a_miss(&pass_on::<_, HashSet<u64>>(&number));
        is_a_miss(&pass_on::<_, BTreeMap<String, u8>>(&(number, number)));
    }
}

#[test]
fn a_number_that_is_read_as_a_length_of_nothing_takes_no_time() {
    for number in [300, 1 << 20, 1 << 32, u64::MAX] {
        is_a_miss(&pass_on::<_, Vec<()>>(&number));
        is_a_miss(&pass_on::<_, Vec<[u64; 0]>>(&number));
    }
}

#[test]
fn a_list_that_is_read_as_a_chain_takes_no_stack() {
    for length in [100, 10_000, 1_000_000] {
        is_a_miss(&pass_on::<_, Chain>(&vec![1_u8; length]));
        is_a_miss(&pass_on::<_, Chain>(&vec![true; length]));
    }
}

#[test]
fn a_long_chain_is_a_miss_or_equal() {
    // A link is two levels.
    for links in [10, 40, 60, 63, 64, 65, 100, 500, 5000] {
        let written = Chain::of(0..links);
        for (codec, read) in pass_on::<_, Chain>(&written) {
            let is_read = read.is_some();
            assert!(links > 60 || is_read, "{codec} read no chain of {links}");
            let equal = read.is_none_or(|read| read == written);
            assert!(equal, "{codec} read another chain of {links}");
        }
    }
}

#[test]
fn a_chain_longer_than_any_stack_is_a_miss() {
    is_a_miss(&pass_on::<_, Chain>(&Chain::of(0..200_000)));
}
