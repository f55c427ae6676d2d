//! Parameters that are there under a condition.
#![allow(clippy::non_minimal_cfg, reason = "a condition that always holds")]

use larder::cached;

use crate::support::{Runs, make_room};

#[tokio::test]
async fn a_parameter_of_a_type_that_is_not_there() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn doubled(#[cfg(all())] a: u32, #[cfg(any())] b: Missing) -> u32 {
        RUNS.count();
        #[cfg(any())]
        let a = b.into();
        a * 2
    }
    #[cached]
    async fn alone(#[cfg(any())] missing: &Missing<'_>) -> String {
        RUNS.count();
        "alone".into()
    }
    make_room();

    assert_eq!(doubled(1).await, 2);
    assert_eq!(doubled(1).await, 2);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(doubled(2).await, 4);
    assert_eq!(RUNS.total(), 2);
    assert_eq!(alone().await, "alone");
    assert_eq!(alone().await, "alone");
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn one_name_under_several_conditions() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn shown(
        #[cfg(any())] text: Missing,
        #[cfg(not(any()))] text: &str,
        #[cfg(all())] (from, to): (u32, u32),
        #[cfg(not(all()))] (from, to): Missing,
    ) -> String {
        RUNS.count();
        format!("{text} {from} {to}")
    }
    make_room();

    assert_eq!(shown("a", (1, 2)).await, "a 1 2");
    assert_eq!(shown("a", (1, 2)).await, "a 1 2");
    assert_eq!(RUNS.total(), 1);
    assert_eq!(shown("b", (1, 2)).await, "b 1 2");
    assert_eq!(shown("a", (2, 1)).await, "a 2 1");
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn skipped_parameters_under_a_condition() {
    static RUNS: Runs = Runs::new();
    #[cached(skip(log, trace))]
    async fn logged(
        id: u32,
        #[cfg(all())] log: &str,
        #[cfg(any())] log: Missing,
        #[cfg(any())] trace: Missing,
    ) -> String {
        RUNS.count();
        #[cfg(any())]
        trace.begin();
        format!("{id} {log}")
    }
    make_room();

    assert_eq!(logged(1, "a").await, "1 a");
    assert_eq!(logged(1, "b").await, "1 a");
    assert_eq!(RUNS.total(), 1);
    assert_eq!(logged(2, "b").await, "2 b");
    assert_eq!(RUNS.total(), 2);
}

static PAGES: Runs = Runs::new();

struct Library {
    id: u32,
}

impl Library {
    #[cached(key = (self.id, page))]
    async fn page(
        &self,
        #[cfg(any())] page: Missing,
        #[cfg(all())] page: u32,
        #[cfg(any())] missing: Missing,
    ) -> Option<String> {
        PAGES.count();
        let page = page.checked_sub(1)?;
        Some(format!("{page} of {}", self.id))
    }

    #[cached(skip(self))]
    async fn title(
        #[cfg(all())] &self,
        #[allow(unused_variables)]
        #[cfg(all())]
        id: u32,
        #[cfg_attr(all(), allow(unused_variables))]
        #[cfg(any())]
        id: Missing,
    ) -> String {
        PAGES.count();
        "title".into()
    }
}

#[tokio::test]
async fn parameters_of_a_method_under_a_condition() {
    make_room();

    for _ in 0..2 {
        assert_eq!(Library { id: 1 }.page(1).await.as_deref(), Some("0 of 1"));
        assert_eq!(Library { id: 1 }.page(2).await.as_deref(), Some("1 of 1"));
        assert_eq!(Library { id: 2 }.page(1).await.as_deref(), Some("0 of 2"));
        assert_eq!(Library { id: 1 }.title(1).await, "title");
        assert_eq!(Library { id: 2 }.title(2).await, "title");
    }
    assert_eq!(PAGES.total(), 5);
    assert_eq!(Library { id: 1 }.page(0).await, None);
    assert_eq!(PAGES.total(), 6);
}

#[tokio::test]
async fn a_condition_on_where_the_program_runs() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn separator(
        n: usize,
        #[cfg(unix)] unix: &str,
        #[cfg(not(unix))] other: &str,
        #[cfg(debug_assertions)] _checked: bool,
        #[cfg(not(debug_assertions))] _checked: bool,
    ) -> String {
        RUNS.count();
        #[cfg(unix)]
        let separator = unix;
        #[cfg(not(unix))]
        let separator = other;
        separator.repeat(n)
    }
    make_room();

    assert_eq!(separator(2, "/", true).await, "//");
    assert_eq!(separator(2, "/", true).await, "//");
    assert_eq!(RUNS.total(), 1);
    assert_eq!(separator(2, "/", false).await, "//");
    assert_eq!(separator(2, ":", true).await, "::");
    assert_eq!(RUNS.total(), 3);
}
