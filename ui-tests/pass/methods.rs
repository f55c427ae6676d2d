//! Receivers, and functions of one name.

use std::sync::Arc;

use larder::cached;

use crate::support::{Runs, make_room};

static RUNS_OF_SKIPPED: Runs = Runs::new();
static RUNS_OF_KEYED: Runs = Runs::new();
static RUNS_OF_SHARED: Runs = Runs::new();
static RUNS_OF_CHANGED: Runs = Runs::new();

struct Library {
    id: u32,
    name: String,
    visits: u32,
}

impl Library {
    fn new(id: u32, name: &str) -> Self {
        let name = name.to_owned();
        Self {
            id,
            name,
            visits: 0,
        }
    }

    #[cached(skip(self))]
    async fn answer(&self, question: &str) -> String {
        RUNS_OF_SKIPPED.count();
        format!("{question} asked of {}", self.name)
    }

    #[cached(key = (self.id, page))]
    async fn page(&self, page: u32) -> String {
        RUNS_OF_KEYED.count();
        format!("{} of {}", page, self.id)
    }

    #[cached(skip(self))]
    async fn shared(self: Arc<Self>, page: u32) -> Option<String> {
        RUNS_OF_SHARED.count();
        Some(format!("{page} of {}", self.name))
    }

    #[cached(key = "{self.id}:{by}")]
    async fn visited(&mut self, by: u32) -> u32 {
        RUNS_OF_CHANGED.count();
        self.visits += by;
        self.visits
    }
}

#[tokio::test]
async fn a_receiver_that_does_not_change_the_answer() {
    make_room();

    assert_eq!(Library::new(1, "a").answer("why").await, "why asked of a");
    assert_eq!(Library::new(2, "b").answer("why").await, "why asked of a");
    assert_eq!(RUNS_OF_SKIPPED.total(), 1);
    assert_eq!(Library::new(2, "b").answer("who").await, "who asked of b");
    assert_eq!(RUNS_OF_SKIPPED.total(), 2);
}

#[tokio::test]
async fn a_receiver_whose_id_is_in_the_key() {
    make_room();

    assert_eq!(Library::new(1, "a").page(7).await, "7 of 1");
    assert_eq!(Library::new(1, "b").page(7).await, "7 of 1");
    assert_eq!(RUNS_OF_KEYED.total(), 1);
    assert_eq!(Library::new(2, "a").page(7).await, "7 of 2");
    assert_eq!(Library::new(1, "a").page(8).await, "8 of 1");
    assert_eq!(RUNS_OF_KEYED.total(), 3);
}

#[tokio::test]
async fn a_receiver_behind_arc() {
    let library = Arc::new(Library::new(1, "a"));
    make_room();

    assert_eq!(library.clone().shared(7).await.as_deref(), Some("7 of a"));
    assert_eq!(library.clone().shared(7).await.as_deref(), Some("7 of a"));
    assert_eq!(RUNS_OF_SHARED.total(), 1);
    assert_eq!(library.shared(8).await.as_deref(), Some("8 of a"));
    assert_eq!(RUNS_OF_SHARED.total(), 2);
}

#[tokio::test]
async fn a_receiver_that_the_body_changes() {
    let mut library = Library::new(1, "a");
    make_room();

    assert_eq!(library.visited(2).await, 2);
    assert_eq!(library.visited(2).await, 2);
    assert_eq!(library.visits, 2);
    assert_eq!(library.visited(3).await, 5);
    assert_eq!(RUNS_OF_CHANGED.total(), 2);
}

static RUNS_OF_NAMESAKES: Runs = Runs::new();

struct Author;

impl Author {
    #[cached]
    async fn of(id: u32) -> String {
        RUNS_OF_NAMESAKES.count();
        format!("author {id}")
    }
}

struct Title;

impl Title {
    #[cached]
    async fn of(id: u32) -> String {
        RUNS_OF_NAMESAKES.count();
        format!("title {id}")
    }
}

#[tokio::test]
async fn methods_of_one_name_in_one_module_do_not_share() {
    make_room();

    for _ in 0..2 {
        assert_eq!(Author::of(1).await, "author 1");
        assert_eq!(Title::of(1).await, "title 1");
    }
    assert_eq!(RUNS_OF_NAMESAKES.total(), 2);
}

static RUNS_OF_MADE: Runs = Runs::new();

macro_rules! table {
    ($($name:ident)+) => {
        $(
            struct $name;

            impl $name {
                #[cached]
                async fn row(id: u32) -> String {
                    RUNS_OF_MADE.count();
                    format!("{} {id}", stringify!($name))
                }
            }
        )+
    };
}

table!(Shelf Box);

#[tokio::test]
async fn methods_that_one_macro_makes_on_one_line_do_not_share() {
    make_room();

    for _ in 0..2 {
        assert_eq!(Shelf::row(1).await, "Shelf 1");
        assert_eq!(Box::row(1).await, "Box 1");
    }
    assert_eq!(RUNS_OF_MADE.total(), 2);
}

mod first {
    #[larder::cached]
    pub(super) async fn name(id: u32) -> String {
        super::RUNS_OF_MODULES.count();
        format!("first {id}")
    }
}

mod second {
    #[larder::cached]
    pub(super) async fn name(id: u32) -> String {
        super::RUNS_OF_MODULES.count();
        format!("second {id}")
    }
}

mod third {
    #[larder::cached]
    pub(super) async fn name(id: u32) -> String {
        super::RUNS_OF_MODULES.count();
        format!("third {id}")
    }
}

static RUNS_OF_MODULES: Runs = Runs::new();

#[tokio::test]
async fn functions_of_one_name_in_three_modules_do_not_share() {
    make_room();

    for _ in 0..2 {
        assert_eq!(first::name(1).await, "first 1");
        assert_eq!(second::name(1).await, "second 1");
        assert_eq!(third::name(1).await, "third 1");
    }
    assert_eq!(RUNS_OF_MODULES.total(), 3);
}

static RUNS_OF_DEFAULT: Runs = Runs::new();

trait Shape {
    fn sides(&self) -> u32;

    #[cached(skip(self))]
    async fn corners(&self, layers: u32) -> u32 {
        RUNS_OF_DEFAULT.count();
        self.sides() * layers
    }
}

struct Triangle;

impl Shape for Triangle {
    fn sides(&self) -> u32 {
        3
    }
}

struct Square;

impl Shape for Square {
    fn sides(&self) -> u32 {
        4
    }
}

#[tokio::test]
async fn the_default_body_of_a_trait_method_does_not_share_between_types() {
    make_room();

    for _ in 0..2 {
        assert_eq!(Triangle.corners(2).await, 6);
        assert_eq!(Square.corners(2).await, 8);
    }
    assert_eq!(RUNS_OF_DEFAULT.total(), 2);
}

static RUNS_OF_TRAIT: Runs = Runs::new();

trait Animal {
    async fn sound(&self, times: usize) -> String;
}

struct Dog;

impl Animal for Dog {
    #[cached(skip(self))]
    async fn sound(&self, times: usize) -> String {
        RUNS_OF_TRAIT.count();
        "wuff".repeat(times)
    }
}

struct Cat;

impl Animal for Cat {
    #[cached(skip(self))]
    async fn sound(&self, times: usize) -> String {
        RUNS_OF_TRAIT.count();
        "miau".repeat(times)
    }
}

#[tokio::test]
async fn a_trait_method_does_not_share_between_types() {
    make_room();

    for _ in 0..2 {
        assert_eq!(Dog.sound(1).await, "wuff");
        assert_eq!(Cat.sound(1).await, "miau");
    }
    assert_eq!(RUNS_OF_TRAIT.total(), 2);
}
