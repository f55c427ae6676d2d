//! Which fields of a request are in the key: `#[derive(larder::Options)]` and `options = …`.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use larder::{KeyBuilder, Options, cached, call};
use serde::{Serialize, Serializer};
use support::map_store::MapStore;
use support::{Runs, register, register_over, roomy};

/// As applications send it to a language model.
#[derive(Clone, Default, Serialize, Options)]
#[serde(rename_all = "camelCase")]
struct Request {
    model: String,
    #[serde(rename = "temp")]
    temperature: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[options(count)]
    seed: Option<u64>,
    #[serde(skip)]
    #[options(count)]
    region: u8,
    #[serde(serialize_with = "nothing")]
    #[options(count)]
    stop: Vec<&'static str>,
    #[serde(flatten)]
    extra: HashMap<String, u32>,
    r#type: Option<&'static str>,
    /// Changes no answer.
    #[options(skip)]
    trace_id: String,
    #[serde(skip)]
    #[options(skip)]
    _client: Client,
}

/// What makes a request another one.
type Change = fn(&mut Request);

/// Nothing that serde could write.
#[derive(Clone, Default)]
struct Client;

fn nothing<S: Serializer>(_: &Vec<&'static str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_unit()
}

#[tokio::test]
async fn every_field_counts_but_those_that_say_otherwise() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "fields", options = request)]
    async fn complete(text: &str, request: &Request) -> String {
        RUNS.count();
        format!("{text}{}", request.trace_id)
    }
    register("fields", roomy());

    complete("a", &Request::default()).await;
    assert_eq!(RUNS.total(), 1);
    let changes: [(&str, Change); 7] = [
        ("model", |it| it.model = "small".to_owned()),
        ("temperature", |it| it.temperature = -0.0),
        ("seed", |it| it.seed = Some(0)),
        ("region", |it| it.region = 1),
        ("stop", |it| it.stop.push("")),
        ("extra", |it| it.extra.extend([("a".to_owned(), 1)])),
        ("type", |it| it.r#type = Some("")),
    ];
    for (index, (field, change)) in changes.into_iter().enumerate() {
        let mut request = Request::default();
        change(&mut request);
        for _ in 0..2 {
            complete("a", &request).await;
            assert_eq!(RUNS.total(), index + 2, "{field}");
        }
    }
    let request = Request {
        trace_id: "another".to_owned(),
        _client: Client,
        ..Request::default()
    };
    assert_eq!(complete("a", &request).await, "a");
    assert_eq!(RUNS.total(), 8);
}

#[tokio::test]
async fn options_come_as_they_are_and_behind_pointers() {
    static RUNS: Runs = Runs::new();
    #[cached(kind = "pointers", options = request)]
    async fn owned(request: Request) -> String {
        RUNS.count();
        request.model
    }
    #[cached(kind = "pointers", options = request)]
    async fn shared(request: Arc<Request>) -> String {
        RUNS.count();
        request.model.clone()
    }
    #[cached(kind = "pointers", options = request)]
    async fn optional(request: Option<&Request>) -> String {
        RUNS.count();
        request.map_or_else(String::new, |request| request.model.clone())
    }
    #[cached(kind = "pointers", options = question)]
    async fn generic<O: Options>(_text: &str, question: Box<O>) -> bool {
        RUNS.count();
        size_of_val(&*question) > 0
    }
    #[cached(kind = "pointers", options = request, local)]
    fn local(request: &Request) -> String {
        RUNS.count();
        request.model.clone()
    }
    #[cached(kind = "pointers", options = request, detach)]
    async fn detached(request: &Request) -> String {
        RUNS.count();
        request.model.clone()
    }
    register("pointers", roomy());

    let request = |trace_id: &str| Request {
        model: "small".to_owned(),
        trace_id: trace_id.to_owned(),
        ..Request::default()
    };
    for trace_id in ["1", "2"] {
        let request = request(trace_id);
        assert_eq!(owned(request.clone()).await, "small");
        assert_eq!(shared(Arc::new(request.clone())).await, "small");
        assert_eq!(optional(Some(&request)).await, "small");
        assert_eq!(optional(None).await, "");
        assert!(generic("a", Box::new(request.clone())).await);
        assert_eq!(local(&request), "small");
        assert_eq!(detached(&request).await, "small");
        assert_eq!(RUNS.total(), 7);
    }
    let default = Request::default();
    owned(default.clone()).await;
    shared(Arc::new(default.clone())).await;
    assert_eq!(optional(Some(&default)).await, "");
    assert_eq!(RUNS.total(), 10);
}

#[tokio::test]
async fn the_order_of_fields_and_the_name_of_the_type_do_not_count() {
    #[derive(Options)]
    struct Before {
        model: &'static str,
        seed: u32,
    }
    #[derive(Options)]
    struct After {
        #[options(skip)]
        _added: u8,
        seed: u32,
        model: &'static str,
    }
    #[derive(Options)]
    struct Renamed {
        seed: u32,
        name: &'static str,
    }
    #[derive(Options)]
    struct Generic<'a, T, U: ?Sized, const N: usize>
    where
        T: Copy,
    {
        seed: T,
        model: &'a str,
        #[options(skip)]
        _unseen: Option<&'a U>,
        #[options(skip)]
        _array: [u8; N],
    }
    let config = roomy().build().expect("valid settings");
    let key = |options: &dyn Fn(KeyBuilder) -> KeyBuilder| {
        let key = KeyBuilder::new(&config, "ordered", "ask").expect("a key");
        options(key).build().expect("a name")
    };

    let before = Before {
        model: "small",
        seed: 7,
    };
    let after = After {
        _added: 1,
        seed: 7,
        model: "small",
    };
    let generic = Generic::<u32, dyn Fn(), 3> {
        seed: 7,
        model: "small",
        _unseen: None,
        _array: [1; 3],
    };
    let renamed = Renamed {
        seed: 7,
        name: "small",
    };
    let name = key(&|key| key.arg("options", &before.in_key()));
    assert_eq!(name, key(&|key| key.arg("options", &after.in_key())));
    assert_eq!(name, key(&|key| key.arg("options", &generic.in_key())));
    assert_ne!(name, key(&|key| key.arg("options", &renamed.in_key())));

    // The attribute writes the same.
    #[cached(kind = "ordered", op = "ask", options = options)]
    async fn ask(options: &After) -> u32 {
        options.seed
    }
    register_over("ordered", &Arc::<MapStore>::default());
    assert_eq!(call::key(ask(&after)).await, Some(name));
}

/// What serde hides of what is inside of a field would have two requests get one answer.
#[tokio::test]
async fn options_inside_of_options_say_themselves_what_counts() {
    static RUNS: Runs = Runs::new();
    #[derive(Clone, Default, Serialize, Options)]
    struct Message {
        text: String,
        #[serde(skip)]
        #[options(count)]
        image: u8,
        #[options(skip)]
        sent_at: u64,
    }
    /// Nothing for serde.
    #[derive(Clone, Default, Options)]
    struct Sampling {
        seed: u32,
        inner: Option<Box<Sampling>>,
    }
    #[derive(Clone, Default, Options)]
    struct Chat<T> {
        messages: Vec<Message>,
        last: Option<Arc<Message>>,
        sampling: Sampling,
        seen_by_serde: T,
    }
    type Change = fn(&mut Chat<Message>);
    #[cached(kind = "nested", options = chat)]
    async fn complete(chat: &Chat<Message>) -> usize {
        RUNS.count();
        chat.messages.len()
    }
    #[cached(kind = "nested", options = messages)]
    async fn listed(messages: &[Message]) -> usize {
        RUNS.count();
        messages.len()
    }
    register("nested", roomy());

    let message = |image, sent_at| Message {
        image,
        sent_at,
        ..Message::default()
    };
    let changes: [(&str, usize, Change); 8] = [
        ("nothing", 1, |_| ()),
        ("in a list", 2, |it| it.messages[0].image = 1),
        ("behind an option", 3, |it| it.last = Some(Arc::default())),
        ("inside", 4, |it| it.sampling.seed = 1),
        ("deep inside", 5, |it| {
            it.sampling.inner = Some(Box::default());
        }),
        ("skipped", 5, |it| it.messages[0].sent_at = 1),
        ("by serde in a type parameter", 6, |it| {
            it.seen_by_serde.sent_at = 1;
        }),
        ("not by serde in a type parameter", 6, |it| {
            it.seen_by_serde.image = 1;
        }),
    ];
    for (what, runs, change) in changes {
        let mut chat = Chat {
            messages: vec![message(0, 0)],
            ..Chat::default()
        };
        change(&mut chat);
        for _ in 0..2 {
            complete(&chat).await;
            assert_eq!(RUNS.total(), runs, "{what}");
        }
    }
    for (messages, runs) in [
        (vec![], 7),
        (vec![message(0, 1)], 8),
        (vec![message(0, 2)], 8),
        (vec![message(1, 2)], 9),
    ] {
        assert_eq!(listed(&messages).await, messages.len());
        assert_eq!(RUNS.total(), runs);
    }
}

#[test]
fn serde_sees_the_fields_by_their_names_sorted() {
    let request = Request {
        model: "small".to_owned(),
        trace_id: "secret".to_owned(),
        ..Request::default()
    };
    let seen = serde_json::to_string(&request.in_key()).expect("an object");
    let expected = r#"{"extra":{},"model":"small","region":0,"seed":null,"stop":[],"temperature":0.0,"type":null}"#;
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_field_that_cannot_be_written_means_no_key() {
    static RUNS: Runs = Runs::new();
    struct Refuses;
    impl Serialize for Refuses {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("on purpose"))
        }
    }
    #[derive(Options)]
    struct Broken {
        fine: u8,
        refuses: Refuses,
    }
    #[cached(kind = "broken", options = options)]
    async fn run(options: Broken) -> u8 {
        RUNS.count();
        options.fine
    }
    let cache = register("broken", roomy());

    for run_number in 1..=2 {
        let refuses = Refuses;
        assert_eq!(run(Broken { fine: 1, refuses }).await, 1);
        assert_eq!(RUNS.total(), run_number);
    }
    assert_eq!(cache.stats().no_key, 2);
}

#[tokio::test]
async fn options_in_any_list_and_map_say_themselves_what_counts() {
    static RUNS: Runs = Runs::new();
    #[derive(Clone, Default, Serialize, Options)]
    struct Shot {
        #[serde(skip)]
        #[options(count)]
        image: u8,
        #[options(skip)]
        taken_at: u64,
    }
    /// Nothing for serde, with a parameter that says itself what counts.
    #[derive(Clone, Default, Options)]
    struct Of<T: Options> {
        one: T,
    }
    #[derive(Clone, Options)]
    struct Album {
        array: [Shot; 1],
        queue: VecDeque<Shot>,
        by_name: BTreeMap<String, Shot>,
        by_number: HashMap<u32, Shot>,
        borrowed: Cow<'static, Shot>,
        of: Of<Of<Shot>>,
    }
    type Change = fn(&mut Album, Shot);
    #[cached(kind = "albums", options = album)]
    async fn describe(album: &Album) -> usize {
        RUNS.count();
        album.queue.len()
    }
    register("albums", roomy());

    let album = Album {
        array: [Shot::default()],
        queue: [Shot::default()].into(),
        by_name: [("first".to_owned(), Shot::default())].into(),
        by_number: [(1, Shot::default())].into(),
        borrowed: Cow::Owned(Shot::default()),
        of: Of::default(),
    };
    let changes: [Change; 6] = [
        |it, shot| it.array = [shot],
        |it, shot| it.queue = [shot].into(),
        |it, shot| it.by_name = [("first".to_owned(), shot)].into(),
        |it, shot| it.by_number = [(1, shot)].into(),
        |it, shot| it.borrowed = Cow::Owned(shot),
        |it, shot| it.of.one.one = shot,
    ];
    describe(&album).await;
    for (changed, change) in changes.into_iter().enumerate() {
        for (shot, runs) in [((0, 1), changed + 1), ((1, 0), changed + 2)] {
            let (image, taken_at) = shot;
            let mut album = album.clone();
            change(&mut album, Shot { image, taken_at });
            describe(&album).await;
            assert_eq!(RUNS.total(), runs, "change {changed}, {shot:?}");
        }
    }
}
