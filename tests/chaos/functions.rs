//! Functions of several shapes, whose right answers are known at any time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use larder::{Cache, call};
use serde::{Deserialize, Serialize};

/// Questions of each shape that are asked all the time.
const ASKED: u32 = 40;
/// Questions of each shape that are asked at first, invalidated, and not asked again.
const LEFT: u32 = 10;
const OF_EACH_SHAPE: u32 = ASKED + LEFT;

const GROUPS: u32 = 8;
const TENANTS: u32 = 4;

/// How a function is written, and how its answers are invalidated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Shape {
    Plain,
    /// With a tag for each group of questions.
    Tagged,
    /// One argument means something else for every tenant.
    OfTenant,
    Fallible,
    /// No function: a key that the application has chosen.
    Chosen,
}

const SHAPES: [Shape; 5] = [
    Shape::Plain,
    Shape::Tagged,
    Shape::OfTenant,
    Shape::Fallible,
    Shape::Chosen,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Question {
    pub(crate) shape: Shape,
    pub(crate) id: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    source: u64,
    question: Question,
    version: u64,
    filler: Vec<u64>,
    /// How long the body ran.
    pub(crate) took: Duration,
}

/// What no body returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure;

/// Calls the function that a question is for.
pub(crate) type Call =
    for<'a> fn(&'a Cache, &'a Source, Question) -> BoxFuture<'a, Result<Answer, Failure>>;

impl Question {
    /// Those that are asked all the time.
    pub(crate) fn asked(random: &mut fastrand::Rng) -> Self {
        Self {
            shape: SHAPES[random.usize(..SHAPES.len())],
            id: random.u32(..ASKED),
        }
    }

    /// Those that are not asked again after they were invalidated.
    pub(crate) fn left(random: &mut fastrand::Rng) -> Self {
        Self {
            shape: SHAPES[random.usize(..SHAPES.len())],
            id: random.u32(ASKED..OF_EACH_SHAPE),
        }
    }

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let ids = |shape| (0..OF_EACH_SHAPE).map(move |id| Self { shape, id });
        SHAPES.into_iter().flat_map(ids)
    }

    fn index(self) -> usize {
        self.shape as usize * OF_EACH_SHAPE as usize + self.id as usize
    }

    fn tenant(self) -> String {
        format!("tenant:{}", self.id % TENANTS)
    }

    fn tag(self) -> String {
        format!("group:{}", self.id % GROUPS)
    }

    fn key(self) -> String {
        format!("chosen:{}", self.id)
    }
}

/// What the functions of one kind ask: for every question a version that only ever grows.
#[derive(Debug)]
pub(crate) struct Source {
    number: u64,
    truths: Vec<Truth>,
    /// Numbers in each answer, eight bytes each.
    filler: usize,
}

#[derive(Debug)]
struct Truth {
    version: AtomicU64,
    /// The latest version that was there when an invalidation began that has returned, and when it
    /// returned.
    acknowledged: Mutex<(u64, Instant)>,
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It is from before an invalidation that had returned so long ago.
    Stale(Duration),
    /// It is the answer to something else, or nothing that was ever an answer.
    Foreign,
}

impl Source {
    pub(crate) fn new(filler: usize) -> Self {
        static SOURCES: AtomicU64 = AtomicU64::new(0);
        let truth = |_| Truth {
            version: AtomicU64::new(1),
            acknowledged: Mutex::new((1, Instant::now())),
        };
        Self {
            number: SOURCES.fetch_add(1, Ordering::SeqCst),
            truths: Question::all().map(truth).collect(),
            filler,
        }
    }

    /// The body of every function.
    async fn answer(&self, question: Question) -> Answer {
        let began = Instant::now();
        let version = self.truths[question.index()].version.load(Ordering::SeqCst);
        if question.id.is_multiple_of(3) {
            // Long enough that it is invalidated meanwhile.
            tokio::time::sleep(Duration::from_millis(1)).await;
        } else {
            tokio::task::yield_now().await;
        }
        Answer {
            source: self.number,
            question,
            version,
            filler: filler(question, version, self.filler),
            took: began.elapsed(),
        }
    }

    /// What the answer to a question that is asked from now on is [judged](Self::judge) by.
    pub(crate) fn acknowledged(&self, question: Question) -> (u64, Instant) {
        *self.lock(question)
    }

    pub(crate) fn judge(
        &self,
        question: Question,
        answer: &Answer,
        acknowledged: (u64, Instant),
    ) -> Option<Wrong> {
        let latest = self.truths[question.index()].version.load(Ordering::SeqCst);
        let is_ours = answer.source == self.number
            && answer.question == question
            && answer.version <= latest
            && answer.filler == filler(question, answer.version, self.filler);
        let (version, returned) = acknowledged;
        if !is_ours {
            Some(Wrong::Foreign)
        } else if answer.version < version {
            Some(Wrong::Stale(returned.elapsed()))
        } else {
            None
        }
    }

    /// Changes the answer to a question, and those that are invalidated with it; and invalidates them.
    /// `wide` takes everything of the operation or of the tenant.
    pub(crate) async fn change(&self, call: Call, cache: &Cache, question: Question, wide: bool) {
        let is_changed = |other: &Question| {
            other.shape == question.shape
                && match question.shape {
                    Shape::Tagged => other.tag() == question.tag(),
                    Shape::Fallible if wide => true,
                    Shape::OfTenant if wide => other.tenant() == question.tenant(),
                    _ => other == &question,
                }
        };
        let changed: Vec<_> = Question::all()
            .filter(is_changed)
            .map(|question| {
                let version = &self.truths[question.index()].version;
                (question, version.fetch_add(1, Ordering::SeqCst) + 1)
            })
            .collect();
        match question.shape {
            Shape::Tagged => drop(cache.remove_tag(&question.tag()).await),
            Shape::Fallible if wide => drop(cache.remove_operation("fallible").await),
            Shape::OfTenant if wide => drop(cache.remove_tenant(&question.tenant()).await),
            Shape::Chosen => drop(cache.remove(&question.key()).await),
            _ => drop(call::remove(call(cache, self, question)).await),
        }
        for (question, version) in changed {
            *self.lock(question) = (version, Instant::now());
        }
    }

    fn lock(&self, question: Question) -> MutexGuard<'_, (u64, Instant)> {
        let truth = &self.truths[question.index()];
        truth.acknowledged.lock().expect("no panic")
    }
}

/// Numbers that no other answer has, and that cannot be compressed.
fn filler(question: Question, version: u64, length: usize) -> Vec<u64> {
    let mut random = fastrand::Rng::with_seed(version << 16 | question.index() as u64);
    (0..length).map(|_| random.u64(..)).collect()
}

macro_rules! functions_of {
    ($kind:ident, $name:literal) => {
        pub(crate) mod $kind {
            use futures_util::future::BoxFuture;
            use larder::{Cache, cached, call};

            use super::{Answer, Failure, Question, Shape, Source, TENANTS};

            pub(crate) const NAME: &str = $name;

            #[cached(kind = $name, op = "plain", skip(source), single_flight = "cluster")]
            async fn plain(source: &Source, id: u32) -> Answer {
                let shape = Shape::Plain;
                source.answer(Question { shape, id }).await
            }

            #[cached(kind = $name, op = "tagged", skip(source), tags("{tag}"))]
            async fn tagged(source: &Source, tag: &str, id: u32) -> Answer {
                let shape = Shape::Tagged;
                source.answer(Question { shape, id }).await
            }

            #[cached(kind = $name, op = "of_tenant", skip(source, id))]
            async fn of_tenant(source: &Source, id: u32, number: u32) -> Answer {
                let shape = Shape::OfTenant;
                source.answer(Question { shape, id }).await
            }

            #[cached(kind = $name, op = "fallible", skip(source))]
            async fn fallible(source: &Source, id: u32) -> Result<Answer, Failure> {
                let shape = Shape::Fallible;
                Ok(source.answer(Question { shape, id }).await)
            }

            pub(crate) fn call<'a>(
                cache: &'a Cache,
                source: &'a Source,
                question: Question,
            ) -> BoxFuture<'a, Result<Answer, Failure>> {
                let id = question.id;
                Box::pin(async move {
                    match question.shape {
                        Shape::Plain => Ok(plain(source, id).await),
                        Shape::Tagged => Ok(tagged(source, &question.tag(), id).await),
                        Shape::OfTenant => {
                            let answer = of_tenant(source, id, id / TENANTS);
                            Ok(call::tenant(question.tenant(), answer).await)
                        }
                        Shape::Fallible => fallible(source, id).await,
                        Shape::Chosen => {
                            let compute = || source.answer(question);
                            Ok(cache.get_or_compute(&question.key(), compute).await)
                        }
                    }
                })
            }
        }
    };
}

functions_of!(in_memory_too, "chaos-memory");
functions_of!(in_store_alone, "chaos-store");
