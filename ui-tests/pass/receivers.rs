//! Every way to take `self`.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use larder::cached;

use crate::support::{Runs, make_room};

static BY_VALUE: Runs = Runs::new();
static BY_VALUE_CHANGED: Runs = Runs::new();
static BY_NAMED_LIFETIME: Runs = Runs::new();
static BY_ARC: Runs = Runs::new();
static BEHIND_ARC: Runs = Runs::new();
static BEHIND_PIN: Runs = Runs::new();
static BEHIND_PINNED_BOX: Runs = Runs::new();
static IN_A_BOX: Runs = Runs::new();
static IN_AN_RC: Runs = Runs::new();
static WITH_A_TYPE: Runs = Runs::new();

#[allow(
    clippy::unsafe_derive_deserialize,
    reason = "takes what puts a site into the list of all sites for unsafe code of the type"
)]
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Ship {
    id: u32,
    cargo: Vec<String>,
}

impl Ship {
    fn new(id: u32) -> Self {
        Self {
            id,
            cargo: vec![format!("tea {id}")],
        }
    }

    #[cached(key = (self.id, port))]
    async fn unloaded(self, port: &str) -> Vec<String> {
        BY_VALUE.count();
        let Self { id: _, mut cargo } = self;
        cargo.push(port.to_owned());
        cargo
    }

    #[cached(key = (self.id, port))]
    async fn loaded(mut self, port: &str) -> Self {
        BY_VALUE_CHANGED.count();
        self.cargo.push(port.to_owned());
        self
    }

    #[cached(key = (self.id, at))]
    async fn first<'a>(&'a self, at: usize, otherwise: &'a str) -> Option<String> {
        BY_NAMED_LIFETIME.count();
        let first: &'a str = self.cargo.get(at).map_or(otherwise, String::as_str);
        Some(first.to_owned())
    }

    #[cached(key = (self.id, port))]
    async fn towed(self: Arc<Self>, port: &str) -> Arc<Self> {
        BY_ARC.count();
        let mut ship = self;
        Arc::make_mut(&mut ship).cargo.push(port.to_owned());
        ship
    }

    #[cached(key = "{self.id}:{port}")]
    async fn escorted(self: &Arc<Self>, port: &str) -> String {
        BEHIND_ARC.count();
        let ship = Arc::clone(self);
        format!("{} to {port}", ship.id)
    }

    #[cached(key = (self.id, port))]
    async fn anchored(self: Pin<&Self>, port: &str) -> String {
        BEHIND_PIN.count();
        format!("{} in {port}", self.get_ref().id)
    }

    #[cached(key = (self.id, port))]
    async fn moored(self: Pin<Box<Self>>, port: &str) -> String {
        BEHIND_PINNED_BOX.count();
        format!("{} in {port}", self.id)
    }

    #[cached(key = (self.id, port))]
    async fn boxed(self: Box<Self>, port: &str) -> Box<Self> {
        IN_A_BOX.count();
        let mut ship = self;
        ship.cargo.push(port.to_owned());
        ship
    }

    #[cached(key = (self.id, port))]
    async fn docked(self: Rc<Self>, port: &str) -> String {
        IN_AN_RC.count();
        tokio::task::yield_now().await;
        format!("{} in {port}", self.id)
    }

    #[cached(skip(self))]
    async fn renamed(self: &mut Ship, id: u32) -> u32 {
        WITH_A_TYPE.count();
        std::mem::replace(&mut self.id, id)
    }
}

#[tokio::test]
async fn a_receiver_by_value() {
    make_room();

    assert_eq!(Ship::new(1).unloaded("Rome").await, ["tea 1", "Rome"]);
    assert_eq!(Ship::new(1).unloaded("Rome").await, ["tea 1", "Rome"]);
    assert_eq!(BY_VALUE.total(), 1);
    assert_eq!(Ship::new(2).unloaded("Rome").await, ["tea 2", "Rome"]);
    assert_eq!(Ship::new(1).unloaded("Kiel").await, ["tea 1", "Kiel"]);
    assert_eq!(BY_VALUE.total(), 3);
}

#[tokio::test]
async fn a_receiver_by_value_that_the_body_changes_and_returns() {
    make_room();

    for _ in 0..2 {
        let ship = Ship::new(1).loaded("Rome").await;
        assert_eq!((ship.id, ship.cargo.len()), (1, 2));
        let ship = Ship::new(2).loaded("Rome").await;
        assert_eq!((ship.id, ship.cargo.len()), (2, 2));
    }
    assert_eq!(BY_VALUE_CHANGED.total(), 2);
}

#[tokio::test]
async fn a_receiver_with_a_named_lifetime() {
    let ship = Ship::new(1);
    make_room();

    assert_eq!(ship.first(0, "none").await.as_deref(), Some("tea 1"));
    assert_eq!(ship.first(0, "none").await.as_deref(), Some("tea 1"));
    assert_eq!(BY_NAMED_LIFETIME.total(), 1);
    assert_eq!(ship.first(1, "none").await.as_deref(), Some("none"));
    assert_eq!(BY_NAMED_LIFETIME.total(), 2);
}

#[tokio::test]
async fn an_arc_that_the_body_consumes_and_returns() {
    make_room();

    for _ in 0..2 {
        let ship = Arc::new(Ship::new(1));
        assert_eq!(ship.clone().towed("Rome").await.cargo, ["tea 1", "Rome"]);
        assert_eq!(ship.cargo, ["tea 1"]);
        assert_eq!(ship.towed("Kiel").await.cargo, ["tea 1", "Kiel"]);
    }
    assert_eq!(BY_ARC.total(), 2);
}

#[tokio::test]
async fn a_reference_to_an_arc() {
    let ships = [Arc::new(Ship::new(1)), Arc::new(Ship::new(2))];
    make_room();

    for _ in 0..2 {
        assert_eq!(ships[0].escorted("Rome").await, "1 to Rome");
        assert_eq!(ships[0].escorted("Kiel").await, "1 to Kiel");
        assert_eq!(ships[1].escorted("Rome").await, "2 to Rome");
    }
    assert_eq!(BEHIND_ARC.total(), 3);
}

#[tokio::test]
async fn a_pinned_reference_and_a_pinned_box() {
    let ship = Ship::new(1);
    let ship = Pin::new(&ship);
    make_room();

    for _ in 0..2 {
        assert_eq!(ship.anchored("Rome").await, "1 in Rome");
        assert_eq!(ship.anchored("Kiel").await, "1 in Kiel");
        assert_eq!(Box::pin(Ship::new(2)).moored("Rome").await, "2 in Rome");
        assert_eq!(Box::pin(Ship::new(3)).moored("Rome").await, "3 in Rome");
    }
    assert_eq!(BEHIND_PIN.total(), 2);
    assert_eq!(BEHIND_PINNED_BOX.total(), 2);
}

#[tokio::test]
async fn a_receiver_in_a_box_and_in_an_rc() {
    let ship = Rc::new(Ship::new(1));
    make_room();

    for _ in 0..2 {
        let boxed = Box::new(Ship::new(1)).boxed("Rome").await;
        assert_eq!(boxed.cargo, ["tea 1", "Rome"]);
        let boxed = Box::new(Ship::new(2)).boxed("Rome").await;
        assert_eq!(boxed.cargo, ["tea 2", "Rome"]);
        assert_eq!(Rc::clone(&ship).docked("Rome").await, "1 in Rome");
        assert_eq!(Rc::clone(&ship).docked("Kiel").await, "1 in Kiel");
    }
    assert_eq!(IN_A_BOX.total(), 2);
    assert_eq!(IN_AN_RC.total(), 2);
}

#[tokio::test]
async fn a_receiver_whose_type_has_its_name() {
    let mut ship = Ship::new(1);
    make_room();

    assert_eq!(ship.renamed(2).await, 1);
    assert_eq!(ship.renamed(2).await, 1);
    assert_eq!(WITH_A_TYPE.total(), 1);
    assert_eq!(ship.renamed(3).await, 2);
    assert_eq!(WITH_A_TYPE.total(), 2);
    assert_eq!(ship.id, 3);
}

static BUILT: Runs = Runs::new();

struct Fleet<T, const SIZE: usize> {
    names: [T; SIZE],
}

impl<T, const SIZE: usize> Fleet<T, SIZE>
where
    T: Clone + ToString + Send + Sync,
{
    fn names(&self) -> Vec<String> {
        self.names.iter().map(ToString::to_string).collect()
    }

    #[cached(key = (self.names(), by))]
    async fn joined(&self, by: &str) -> String {
        BUILT.count();
        format!("{SIZE}: {}", self.names().join(by))
    }

    #[cached]
    async fn capacity(of_each: usize) -> usize {
        BUILT.count();
        SIZE * of_each * size_of::<T>()
    }
}

#[tokio::test]
async fn a_method_of_a_generic_impl() {
    let words = Fleet { names: ["1", "2"] };
    let numbers = Fleet { names: [1, 2] };
    let more = Fleet { names: [1, 2, 3] };
    make_room();

    for _ in 0..2 {
        assert_eq!(words.joined("-").await, "2: 1-2");
        assert_eq!(numbers.joined("-").await, "2: 1-2");
        assert_eq!(more.joined("-").await, "3: 1-2-3");
        assert_eq!(more.joined("+").await, "3: 1+2+3");
    }
    assert_eq!(BUILT.total(), 4);
    for _ in 0..2 {
        assert_eq!(Fleet::<u8, 2>::capacity(10).await, 20);
        assert_eq!(Fleet::<u8, 3>::capacity(10).await, 30);
        assert_eq!(Fleet::<u16, 2>::capacity(10).await, 40);
        assert_eq!(Fleet::<u16, 2>::capacity(20).await, 80);
    }
    assert_eq!(BUILT.total(), 8);
}

static MADE: Runs = Runs::new();

impl Ship {
    #[cached]
    async fn launched(id: u32) -> Result<Self, String> {
        MADE.count();
        if id == 0 {
            return Err("no number".to_owned());
        }
        Ok(Self::new(id))
    }
}

#[tokio::test]
async fn an_associated_function_that_returns_its_own_type() {
    make_room();

    assert!(Ship::launched(0).await.is_err());
    assert_eq!(Ship::launched(1).await, Ok(Ship::new(1)));
    assert_eq!(Ship::launched(1).await, Ok(Ship::new(1)));
    assert_eq!(MADE.total(), 2);
    assert_eq!(Ship::launched(2).await, Ok(Ship::new(2)));
    assert_eq!(MADE.total(), 3);
}
