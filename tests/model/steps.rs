//! What a sequence consists of.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Number of a call; what its body brings is this number, so that every value says who made it.
pub type Caller = u64;

/// In whole seconds since the beginning.
pub type Time = u64;

/// What every function returns.
pub type Answer = Result<Option<Caller>, Caller>;

/// An annotated function, or the application's own keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Function {
    Plain,
    Tagged,
    Negative,
    Guarded,
    Revalidated,
    Ahead,
    Everything,
    Mixed,
    Chosen,
}

use Function::{Ahead, Chosen, Everything, Guarded, Mixed, Negative, Plain, Revalidated, Tagged};

/// What its attribute says, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    pub none_ttl: Time,
    pub err_ttl: Time,
    pub while_revalidate: Time,
    pub if_error: Time,
    /// The age at which an answer is computed anew in the background.
    pub refresh_at: Option<Time>,
    pub is_tagged: bool,
    /// Whether who waits for a failure runs the body for itself.
    pub keeps_failures_apart: bool,
}

impl Function {
    pub const ALL: [Self; 9] = [
        Plain,
        Tagged,
        Negative,
        Guarded,
        Revalidated,
        Ahead,
        Everything,
        Mixed,
        Chosen,
    ];

    /// Of every function, and of the kind.
    pub const TTL: Time = 100;

    pub fn options(self) -> Options {
        let options = Options::default();
        match self {
            Plain => options,
            Tagged => Options {
                is_tagged: true,
                ..options
            },
            Negative => Options {
                none_ttl: 40,
                err_ttl: 20,
                ..options
            },
            Guarded => Options {
                if_error: 200,
                is_tagged: true,
                ..options
            },
            Revalidated => Options {
                while_revalidate: 50,
                ..options
            },
            Ahead => Options {
                refresh_at: Some(50),
                ..options
            },
            Everything => Options {
                while_revalidate: 50,
                if_error: 200,
                refresh_at: Some(50),
                is_tagged: true,
                ..options
            },
            Mixed => Options {
                none_ttl: 40,
                err_ttl: 20,
                ..Everything.options()
            },
            // `get_or_try_compute` takes errors that are not `Clone`, too.
            Chosen => Options {
                keeps_failures_apart: true,
                ..options
            },
        }
    }
}

pub type Tenant = Option<&'static str>;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub function: Function,
    pub id: u8,
    pub tenant: Tenant,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({})", self.function, self.id)?;
        match self.tenant {
            Some(tenant) => write!(f, " of {tenant}"),
            None => Ok(()),
        }
    }
}

/// How a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// With no wrapper around it.
    Plain,
    /// As all below with `call::outcome` around it.
    Told,
    Refresh,
    Bypass,
    MaxAge(Time),
    Ttl(Time),
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Value,
    None,
    Failure,
    Panic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Expire,
    Remove,
}

/// What is invalidated as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Operation(Function),
    Tag(u8, Tenant),
    Tenant(&'static str),
    /// `expire_all`, `clear`.
    Kind,
}

impl Scope {
    pub fn has(self, key: Key) -> bool {
        match self {
            // The application's own keys are of no operation.
            Self::Operation(function) => key.function == function && function != Chosen,
            Self::Tag(id, tenant) => {
                key.function.options().is_tagged && (key.id, key.tenant) == (id, tenant)
            }
            Self::Tenant(tenant) => key.tenant == Some(tenant),
            Self::Kind => true,
        }
    }
}

/// What of a key is invalidated.
#[derive(Clone, Copy, Debug)]
pub enum All {
    Operation,
    Tag,
    Tenant,
    Kind,
}

impl All {
    pub fn of(self, key: Key) -> Scope {
        match self {
            Self::Operation => Scope::Operation(key.function),
            Self::Tag => Scope::Tag(key.id, key.tenant),
            Self::Tenant => Scope::Tenant(key.tenant.unwrap_or("a")),
            Self::Kind => Scope::Kind,
        }
    }
}

/// One thing that an application does, about a key.
#[derive(Clone, Copy, Debug)]
pub enum Step<K = Key> {
    /// A call whose body, if it runs, goes on until it is finished.
    Begin(K, Way),
    /// A call whose body, if it runs at once, ends so.
    Call(K, Way, Ending),
    /// Of the bodies under way, this one, counted round.
    Finish(usize, Ending),
    /// Of the callers that wait, this one, counted round.
    Drop(usize),
    Peek(K),
    /// `call::remove`, `call::expire`; of the application's own keys `Cache::remove`.
    Forget(K, Verb),
    Invalidate(All, K, Verb),
    /// Of the application's own key that has this number and tenant.
    Get(K),
    SetFor(K, Time),
    Lifetime(K),
    RemoveMatching(K),
    Advance(Time),
    /// The process ends with all it was about, and another one begins, over the same store if there is
    /// one.
    Restart,
}

impl<K> Step<K> {
    fn about(self, key: impl FnOnce(K) -> Key) -> Step {
        match self {
            Self::Begin(it, way) => Step::Begin(key(it), way),
            Self::Call(it, way, ending) => Step::Call(key(it), way, ending),
            Self::Finish(which, ending) => Step::Finish(which, ending),
            Self::Drop(which) => Step::Drop(which),
            Self::Peek(it) => Step::Peek(key(it)),
            Self::Forget(it, verb) => Step::Forget(key(it), verb),
            Self::Invalidate(all, it, verb) => Step::Invalidate(all, key(it), verb),
            Self::Get(it) => Step::Get(chosen(key(it))),
            Self::SetFor(it, ttl) => Step::SetFor(chosen(key(it)), ttl),
            Self::Lifetime(it) => Step::Lifetime(chosen(key(it))),
            Self::RemoveMatching(it) => Step::RemoveMatching(chosen(key(it))),
            Self::Advance(by) => Step::Advance(by),
            Self::Restart => Step::Restart,
        }
    }
}

fn chosen(key: Key) -> Key {
    Key {
        function: Chosen,
        ..key
    }
}

/// A sequence, shown a step a line.
pub struct Steps(pub Vec<Step>);

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|step| write!(f, "\n    {step:?}"))
    }
}

/// About one to three keys, most of them about the first one, so that they meet.
pub fn steps() -> impl Strategy<Value = Steps> {
    let keys = vec(key(), 1..4);
    (keys, vec(step(), 1..40)).prop_map(|(keys, steps)| {
        let steps = steps.into_iter();
        Steps(
            steps
                .map(|step| step.about(|it| keys[it % keys.len()]))
                .collect(),
        )
    })
}

fn step() -> impl Strategy<Value = Step<usize>> {
    let key = || prop_oneof![4 => Just(0_usize), 1 => Just(1), 1 => Just(2)];
    prop_oneof![
        8 => (key(), way()).prop_map(|(key, way)| Step::Begin(key, way)),
        10 => (key(), way(), ending()).prop_map(|(key, way, ending)| Step::Call(key, way, ending)),
        8 => (0..4_usize, ending()).prop_map(|(which, ending)| Step::Finish(which, ending)),
        2 => (0..4_usize).prop_map(Step::Drop),
        2 => key().prop_map(Step::Peek),
        3 => (key(), verb()).prop_map(|(key, verb)| Step::Forget(key, verb)),
        3 => (all(), key(), verb()).prop_map(|(all, key, verb)| Step::Invalidate(all, key, verb)),
        1 => key().prop_map(Step::Get),
        1 => (key(), select(&[100, 10, 0][..])).prop_map(|(key, ttl)| Step::SetFor(key, ttl)),
        1 => key().prop_map(Step::Lifetime),
        1 => key().prop_map(Step::RemoveMatching),
        7 => select(&[1, 10, 20, 30, 40, 49, 50, 99, 100, 149, 150, 299, 300][..])
            .prop_map(Step::Advance),
        1 => Just(Step::Restart),
    ]
}

fn key() -> impl Strategy<Value = Key> {
    let id = prop_oneof![6 => Just(0_u8), 1 => Just(1)];
    let tenant = prop_oneof![3 => Just(None), 2 => Just(Some("a")), 1 => Just(Some("b"))];
    (select(&Function::ALL[..]), id, tenant).prop_map(|(function, id, tenant)| Key {
        function,
        id,
        tenant,
    })
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        4 => Just(Way::Plain),
        6 => Just(Way::Told),
        2 => Just(Way::Refresh),
        1 => Just(Way::Bypass),
        2 => select(&[10, 0, 60][..]).prop_map(Way::MaxAge),
        2 => select(&[10, 0, 1000][..]).prop_map(Way::Ttl),
    ]
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        6 => Just(Ending::Value),
        4 => Just(Ending::Failure),
        2 => Just(Ending::None),
        1 => Just(Ending::Panic),
    ]
}

fn verb() -> impl Strategy<Value = Verb> {
    select(&[Verb::Expire, Verb::Remove][..])
}

fn all() -> impl Strategy<Value = All> {
    select(&[All::Operation, All::Tag, All::Tenant, All::Kind][..])
}
