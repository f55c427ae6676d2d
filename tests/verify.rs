//! What `verify` says of the annotated functions of a program. A process of its own: the functions
//! of all its tests are one list.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use larder::call::{self, Origin};
use larder::{CacheError, cached};
use support::{Log, Runs, register, roomy};

#[cached(kind = "geo", op = "place", text = name)]
async fn unregistered(name: String, near: Option<(i32, i32)>) -> String {
    format!("{name} {near:?}")
}
const UNREGISTERED: u32 = line!() - 4;

#[cached(op = "claimed")]
async fn claims(id: u32) -> u32 {
    id
}
const CLAIMS: u32 = line!() - 4;

mod inner {
    #[larder::cached(op = "claimed", shared)]
    pub async fn claims_too(page: u32, id: u32) -> u32 {
        page + id
    }
    pub(super) const CLAIMS_TOO: u32 = line!() - 4;
}

static SQUARES: Runs = Runs::new();

#[cached(op = "square", shared)]
async fn square(n: u64) -> u64 {
    SQUARES.count();
    n * n
}

#[cached(op = "square", shared)]
async fn checked_square(n: u64) -> Option<u64> {
    SQUARES.count();
    n.checked_mul(n)
}

/// Keeps values of another type.
#[cached(op = "square", shared)]
async fn written_square(n: u64) -> String {
    (n * n).to_string()
}

#[cached(op = "square", shared)]
async fn also_written_square(n: u64) -> Option<String> {
    Some((n * n).to_string())
}

/// Takes another parameter.
#[cached(op = "square", shared)]
async fn square_of(side: u64) -> u64 {
    SQUARES.count();
    side * side
}

#[cached(op = "square", shared, version = 2)]
async fn new_square(n: u64) -> u64 {
    SQUARES.count();
    n * n
}

#[cached(op = "square", shared)]
async fn generic_square<T: Copy + Into<u64> + serde::Serialize>(n: T) -> u64 {
    SQUARES.count();
    n.into() * n.into()
}

/// Neither names an operation, so neither claims one.
struct Cat;
struct Dog;

impl Cat {
    #[cached(skip(self))]
    async fn sound(&self, loudness: u32) -> String {
        "miau".repeat(loudness as usize)
    }
}

impl Dog {
    #[cached(skip(self))]
    async fn sound(&self, loudness: u32) -> String {
        "wow".repeat(loudness as usize)
    }
}

#[tokio::test]
async fn methods_of_one_name_that_name_no_operation_keep_apart_without_a_report() {
    assert_eq!(Cat.sound(1).await, "miau");
    assert_eq!(Dog.sound(1).await, "wow");
    let problems = larder::verify().expect_err("those of the other functions");
    assert!(!problems.to_string().contains("sound"), "{problems}");
}

/// One test, because the steps build on each other.
#[tokio::test]
async fn what_does_not_fit_is_reported_with_its_place_and_the_way_out() {
    let log = Log::collect_warnings();
    larder::init().await.expect("an empty environment");
    let error = larder::verify().expect_err("two problems");
    let CacheError::Configuration { problems, .. } = error else {
        panic!("another error: {error}");
    };
    assert_eq!(
        problems,
        [
            format!(
                "nobody registered the kind `geo` of `verify::unregistered` \
                 (tests/verify.rs:{UNREGISTERED}); registered are `ai`, `web`"
            ),
            format!(
                "several functions claim the operation `claimed` of the kind `web`: \
                 `verify::claims` (tests/verify.rs:{CLAIMS}), parameters `id` and \
                 `verify::inner::claims_too` (tests/verify.rs:{}), parameters `id`, `page`; give \
                 each an `op` of its own, or write `shared` on all of them if they are one \
                 operation",
                inner::CLAIMS_TOO
            ),
        ]
    );
    // Another test of this process has warnings of its own.
    let warnings = || {
        let mut lines = log.lines();
        lines.retain(|line| !line.contains("shares an operation"));
        lines
    };
    assert_eq!(warnings().len(), 2, "{:?}", warnings());
    assert!(
        warnings()
            .iter()
            .zip(&problems)
            .all(|(line, it)| line.contains(it))
    );

    // They work all the same, and nothing is logged again.
    assert_eq!(claims(3).await, 3);
    assert_eq!(inner::claims_too(1, 2).await, 3);
    assert_eq!(warnings().len(), 2);

    let geo = register("geo", roomy());
    assert_eq!(unregistered("a".to_owned(), None).await, "a None");
    let CacheError::Configuration { problems, .. } = larder::verify().expect_err("one problem")
    else {
        panic!("another error");
    };
    assert!(problems.len() == 1 && problems[0].contains("claimed"));
    assert_eq!(geo.stats().computed, 1);
}

#[test]
fn every_annotated_function_is_listed_with_its_place() {
    let sites: Vec<_> = larder::sites().collect();
    assert_eq!(sites.len(), 12);
    let site = sites.iter().find(|site| site.kind() == "geo");
    let site = site.expect("the site");
    assert_eq!(site.operation(), "place");
    assert_eq!(site.function(), "verify::unregistered");
    assert_eq!(
        (site.file(), site.line()),
        ("tests/verify.rs", UNREGISTERED)
    );
    assert_eq!(site.parameters(), ["name", "near"]);
    assert!(!site.is_shared());
}

#[tokio::test]
async fn functions_that_are_one_operation_on_purpose_share_where_names_and_types_agree() {
    assert_eq!(square(7).await, 49);
    let other = call::outcome(checked_square(7)).await;
    assert_eq!((other.value, other.origin), (Some(49), Origin::Memory));
    assert_eq!(SQUARES.total(), 1);

    // Values of another type are never taken for these, and both stay where they are.
    for origin in [Origin::Computed, Origin::Memory, Origin::Memory] {
        let written = call::outcome(written_square(7)).await;
        assert_eq!((written.value.as_str(), written.origin), ("49", origin));
        assert_eq!(call::outcome(square(7)).await.origin, Origin::Memory);
    }

    let also = call::outcome(also_written_square(7)).await;
    assert_eq!(also.origin, Origin::Memory);

    assert_eq!(square_of(7).await, 49);
    assert_eq!(new_square(7).await, 49);
    assert_eq!(generic_square(7_u64).await, 49);
    assert_eq!(generic_square(7_u32).await, 49);
    assert_eq!(SQUARES.total(), 5);
}

#[tokio::test]
async fn names_that_nearly_are_known_are_answered_with_those() {
    let _scope = larder::testing::registry_scope();
    let second = std::time::Duration::from_secs(1);
    let near = roomy()
        .operation_ttl("sqaure", second)
        .operation_ttl("claimed", second);
    register("web", near.operation_ttl("something-else", second));
    register("gep", roomy());
    let CacheError::Configuration { problems, .. } = larder::verify().expect_err("misspelled")
    else {
        panic!("another error");
    };
    let says = |text: &str| problems.iter().filter(|it| it.contains(text)).count();
    assert_eq!(says("did you mean gep?"), 1, "{problems:#?}");
    let sentence = "have the operation `sqaure`, which no function is; did you mean square?";
    assert_eq!(says(sentence), 1, "{problems:#?}");
    assert_eq!(says("operation_ttls"), 1, "{problems:#?}");
}
