//! Unsafe functions: each is called, and says how often its body ran.

#[path = "../../pass/support.rs"]
mod support;

use larder::cached;

use crate::support::{Runs, make_room};

#[tokio::test]
async fn an_unsafe_function() {
    static RUNS: Runs = Runs::new();
    /// # Safety
    /// `at` is less than the number of words.
    #[cached]
    async unsafe fn word(words: &[&str], at: usize) -> String {
        RUNS.count();
        tokio::task::yield_now().await;
        // SAFETY: the caller has checked it.
        unsafe { words.get_unchecked(at) }.to_string()
    }
    make_room();

    // SAFETY: there are two words.
    unsafe {
        assert_eq!(word(&["a", "b"], 0).await, "a");
        assert_eq!(word(&["a", "b"], 0).await, "a");
        assert_eq!(RUNS.total(), 1);
        assert_eq!(word(&["a", "b"], 1).await, "b");
        assert_eq!(RUNS.total(), 2);
    }
}

#[tokio::test]
async fn a_body_that_is_unsafe_as_a_whole() {
    static RUNS: Runs = Runs::new();
    #[cached]
    #[allow(unsafe_op_in_unsafe_fn)]
    async unsafe fn first(bytes: &[u8]) -> Option<u8> {
        RUNS.count();
        if bytes.is_empty() {
            return None;
        }
        Some(*bytes.get_unchecked(0))
    }
    make_room();

    // SAFETY: it is checked by the function.
    unsafe {
        assert_eq!(first(&[]).await, None);
        assert_eq!(first(&[1]).await, Some(1));
        assert_eq!(first(&[1]).await, Some(1));
        assert_eq!(RUNS.total(), 2);
        assert_eq!(first(&[2, 1]).await, Some(2));
        assert_eq!(RUNS.total(), 3);
    }
}

static RUNS_OF_METHOD: Runs = Runs::new();

trait Raw {
    unsafe fn bytes(&self) -> &[u8];

    #[cached(key = self.bytes())]
    #[allow(async_fn_in_trait, unsafe_op_in_unsafe_fn)]
    async unsafe fn sum(&self) -> u32 {
        RUNS_OF_METHOD.count();
        self.bytes().iter().copied().map(u32::from).sum()
    }
}

impl Raw for [u8] {
    unsafe fn bytes(&self) -> &[u8] {
        self
    }
}

#[tokio::test]
async fn an_unsafe_method_with_an_unsafe_key() {
    make_room();

    // SAFETY: any bytes will do.
    unsafe {
        assert_eq!([1, 2][..].sum().await, 3);
        assert_eq!([1, 2][..].sum().await, 3);
        assert_eq!(RUNS_OF_METHOD.total(), 1);
        assert_eq!([2, 2][..].sum().await, 4);
        assert_eq!(RUNS_OF_METHOD.total(), 2);
    }
}
