//! Options of calls, in the ways in which people write their types.

use std::borrow::Cow;
use std::sync::Arc;

use larder::{Options, cached};
use serde::Serialize;

use crate::support::{Runs, make_room};

#[derive(Clone, Serialize, Options)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Request<'a> {
    /// A name that is a keyword.
    r#type: Cow<'a, str>,
    /// One that is a constant too.
    none: Option<u8>,
    #[serde(rename = "top-p")]
    top_p: f32,
    #[serde(rename(serialize = "n"))]
    count: u16,
    #[cfg(any())]
    absent: Nowhere,
    #[options(skip)]
    trace_id: u64,
}

#[expect(non_upper_case_globals, reason = "to be met by the name of a field")]
const none: Option<u8> = None;

#[tokio::test]
async fn names_that_mean_something_else_too() {
    static RUNS: Runs = Runs::new();
    #[cached(options = r#type)]
    async fn answer(r#type: &Request<'_>) -> String {
        RUNS.count();
        format!("{}{}", r#type.r#type, r#type.trace_id)
    }
    make_room();

    let request = |name: &'static str, trace_id| Request {
        r#type: name.into(),
        none,
        top_p: 0.5,
        count: 1,
        trace_id,
    };
    assert_eq!(answer(&request("a", 1)).await, "a1");
    assert_eq!(answer(&request("a", 2)).await, "a1");
    assert_eq!(answer(&request("b", 2)).await, "b2");
    assert_eq!(RUNS.total(), 2);
}

#[derive(Options)]
struct Sampling<T, const N: usize = 2>
where
    T: Clone,
{
    temperature: T,
    seeds: Vec<u32>,
    #[options(skip)]
    _memory: [u8; N],
    #[deprecated]
    legacy: bool,
}

#[derive(Options)]
struct NoOptions;

#[derive(Options)]
struct Unimportant {
    #[options(skip)]
    #[allow(dead_code)]
    handle: fn(),
}

#[tokio::test]
async fn options_of_generic_functions_and_methods() {
    static RUNS: Runs = Runs::new();
    struct Model;
    impl Model {
        #[cached(skip(self), options = sampling)]
        async fn sample<T>(&self, text: &str, sampling: &mut Sampling<T>) -> usize
        where
            T: Clone + Serialize,
        {
            RUNS.count();
            text.len() + sampling.seeds.len()
        }

        #[cached(skip(self), options = options)]
        async fn any(&self, options: &impl Options) -> usize {
            RUNS.count();
            size_of_val(options)
        }

        #[cached(key = (Options::in_key(sampling), Options::in_key(&nothing)))]
        async fn by_hand(sampling: &Sampling<u8>, nothing: Arc<NoOptions>) -> usize {
            RUNS.count();
            Arc::strong_count(&nothing) + usize::from(sampling.temperature)
        }
    }
    fn sampling<T: Clone>(temperature: T) -> Sampling<T> {
        #[allow(deprecated)]
        Sampling {
            temperature,
            seeds: vec![1, 2],
            _memory: [0; 2],
            legacy: false,
        }
    }
    make_room();

    for _ in 0..2 {
        assert_eq!(Model.sample("a", &mut sampling(0.5)).await, 3);
        assert_eq!(Model.sample("a", &mut sampling(1_u8)).await, 3);
        assert_eq!(Model.any(&NoOptions).await, 0);
        assert_eq!(
            Model.any(&Unimportant { handle: || () }).await,
            size_of::<fn()>()
        );
        assert_eq!(Model::by_hand(&sampling(1), Arc::new(NoOptions)).await, 2);
    }
    assert_eq!(RUNS.total(), 5);
}

macro_rules! request {
    ($name:ident { $($field:ident: $type:ty),* }) => {
        #[derive(Options)]
        struct $name {
            $($field: $type,)*
        }
    };
}

request!(Written { model: &'static str, words: u32 });

#[tokio::test]
async fn types_that_a_macro_writes() {
    #[cached(options = request)]
    async fn answer(request: Option<Box<Written>>) -> u32 {
        request.map_or(0, |it| it.words + u32::from(it.model.is_empty()))
    }
    make_room();

    let request = |words| Some(Box::new(Written { model: "", words }));
    assert_eq!(answer(request(1)).await, 2);
    assert_eq!(answer(request(2)).await, 3);
    assert_eq!(answer(None).await, 0);
}

mod elsewhere {
    pub(crate) use larder as vendored;
}

#[derive(Options)]
#[options(crate = crate::requests::elsewhere::vendored)]
struct Vendored {
    n: u64,
}

#[tokio::test]
async fn larder_under_another_path() {
    #[cached(options = options)]
    async fn answer(options: Vendored) -> u64 {
        options.n
    }
    make_room();

    assert_eq!(
        (
            answer(Vendored { n: 1 }).await,
            answer(Vendored { n: 2 }).await
        ),
        (1, 2)
    );
}
