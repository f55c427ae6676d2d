//! What is written down of an annotated function, while the program is compiled.

use std::time::Duration;

use crate::policy::{Patience, SingleFlight, Staleness, TextNormalization};

/// What the attribute and the signature say, as the expansion of `#[cached]` writes it down.
#[derive(Clone, Copy)]
#[doc(hidden)]
#[must_use]
#[expect(missing_debug_implementations, reason = "shown by `CallSite`")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub struct Description {
    pub(super) kind: &'static str,
    /// `None`: the function's own path.
    pub(super) op: Option<&'static str>,
    pub(super) version: Option<&'static str>,
    pub(super) is_shared: bool,
    pub(super) is_local: bool,
    pub(super) is_sync: bool,
    /// `None`: not said, or to be computed.
    pub(super) ttl: Option<Duration>,
    pub(super) none_ttl: Option<Duration>,
    pub(super) err_ttl: Option<Duration>,
    pub(super) staleness: Staleness,
    pub(super) patience: Patience,
    pub(super) single_flight: SingleFlight,
    pub(super) is_detached: bool,
    pub(super) module: &'static str,
    pub(super) function: &'static str,
    pub(super) file: &'static str,
    pub(super) line: u32,
    pub(super) column: u32,
    /// The parameter that is the text of the operation.
    pub(super) text: Option<&'static str>,
    pub(super) normalization: TextNormalization,
    /// The parameter that is the question.
    pub(super) question: Option<&'static str>,
    /// Names of the other parameters that are in the key, sorted; with `key = …` what it says.
    pub(super) others: &'static [&'static str],
}

impl Description {
    /// Of a function in this place, by an attribute that says nothing.
    pub const fn at(
        function: &'static str,
        module: &'static str,
        file: &'static str,
        line: u32,
        column: u32,
    ) -> Self {
        Self {
            kind: "web",
            op: None,
            version: None,
            is_shared: false,
            is_local: false,
            is_sync: false,
            ttl: None,
            none_ttl: None,
            err_ttl: None,
            staleness: Staleness::NONE,
            patience: Patience::ENDLESS,
            single_flight: SingleFlight::Process,
            is_detached: false,
            module,
            function,
            file,
            line,
            column,
            text: None,
            normalization: TextNormalization::None,
            question: None,
            others: &[],
        }
    }

    pub const fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    pub const fn op(mut self, op: &'static str) -> Self {
        self.op = Some(op);
        self
    }

    pub const fn version(mut self, version: &'static str) -> Self {
        self.version = Some(version);
        self
    }

    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    pub const fn none_ttl(mut self, ttl: Duration) -> Self {
        self.none_ttl = Some(ttl);
        self
    }

    pub const fn err_ttl(mut self, ttl: Duration) -> Self {
        self.err_ttl = Some(ttl);
        self
    }

    pub const fn stale_while_revalidate(mut self, window: Duration) -> Self {
        self.staleness.while_revalidate = window;
        self
    }

    pub const fn stale_if_error(mut self, window: Duration) -> Self {
        self.staleness.if_error = window;
        self
    }

    pub const fn refresh_ahead(mut self, part: f64) -> Self {
        self.staleness.refresh_ahead = Some(part);
        self
    }

    pub const fn shadow(mut self, part: f64) -> Self {
        self.staleness.shadow = Some(part);
        self
    }

    pub const fn soft(mut self, patience: Duration) -> Self {
        self.patience.soft = Some(patience);
        self
    }

    pub const fn hard(mut self, patience: Duration) -> Self {
        self.patience.hard = Some(patience);
        self
    }

    pub const fn alone(mut self) -> Self {
        self.single_flight = SingleFlight::Off;
        self
    }

    pub const fn across_processes(mut self) -> Self {
        self.single_flight = SingleFlight::Cluster;
        self
    }

    pub const fn detached(mut self) -> Self {
        self.is_detached = true;
        self
    }

    pub const fn text(mut self, text: &'static str) -> Self {
        self.text = Some(text);
        self
    }

    pub const fn normalize(mut self, normalization: TextNormalization) -> Self {
        self.normalization = normalization;
        self
    }

    pub const fn question(mut self, question: &'static str) -> Self {
        self.question = Some(question);
        self
    }

    pub const fn others(mut self, others: &'static [&'static str]) -> Self {
        self.others = others;
        self
    }

    pub const fn shared(mut self) -> Self {
        self.is_shared = true;
        self
    }

    pub const fn local(mut self) -> Self {
        self.is_local = true;
        self
    }

    pub const fn synchronous(mut self) -> Self {
        self.is_sync = true;
        self
    }
}
