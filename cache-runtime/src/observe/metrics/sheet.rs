//! What is written into a recorder.

use std::collections::BTreeSet;
use std::time::Duration;

use metrics::{Key, KeyName, Label, Level, Metadata, Recorder};

use super::family::{Durations, Family};
use crate::observe::Latencies;

/// By whom, for recorders that choose by it.
static METADATA: Metadata<'static> = Metadata::new("larder", Level::INFO, Some("larder"));

/// What a metric is about: names of labels, and their values.
pub(super) type Labels<'a> = [(&'static str, &'a str)];

/// Metrics on their way to a recorder.
pub(super) struct Sheet<'a> {
    recorder: &'a dyn Recorder,
    /// Names that the recorder was told the meaning of.
    described: BTreeSet<&'static str>,
}

impl<'a> Sheet<'a> {
    pub(super) fn of(recorder: &'a dyn Recorder) -> Self {
        Self {
            recorder,
            described: BTreeSet::new(),
        }
    }

    /// What has only grown, as it is now.
    pub(super) fn counter(&mut self, family: &Family, labels: &Labels<'_>, count: u64) {
        let Family { name, unit, help } = *family;
        if self.described.insert(name) {
            let name = KeyName::from_const_str(name);
            self.recorder.describe_counter(name, unit, help.into());
        }
        let counter = self
            .recorder
            .register_counter(&key(name, labels), &METADATA);
        counter.absolute(count);
    }

    /// The same, where there is none before the first one.
    pub(super) fn counter_once_there(&mut self, family: &Family, labels: &Labels<'_>, count: u64) {
        if count > 0 {
            self.counter(family, labels, count);
        }
    }

    pub(super) fn gauge(&mut self, family: &Family, labels: &Labels<'_>, value: f64) {
        let Family { name, unit, help } = *family;
        if self.described.insert(name) {
            let name = KeyName::from_const_str(name);
            self.recorder.describe_gauge(name, unit, help.into());
        }
        let gauge = self.recorder.register_gauge(&key(name, labels), &METADATA);
        gauge.set(value);
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "all that a gauge has; exact up to 2^53"
    )]
    pub(super) fn number(&mut self, family: &Family, labels: &Labels<'_>, number: u64) {
        self.gauge(family, labels, number as f64);
    }

    /// As gauges, and nothing where nothing was timed.
    ///
    /// A histogram of the facade takes one measurement after the other. These were taken when the calls
    /// ended, into a histogram of our own: that costs a call less than the facade does, and needs no
    /// recorder. What it says by now cannot be put into one of the facade's. Sum and count are gauges too:
    /// counters of the facade are whole numbers, and a second is long.
    pub(super) fn durations(
        &mut self,
        family: &Durations,
        labels: &Labels<'_>,
        latencies: &Latencies,
    ) {
        if latencies.count == 0 {
            return;
        }
        let quantiles = [
            ("0.5", latencies.p50),
            ("0.95", latencies.p95),
            ("0.99", latencies.p99),
        ];
        for (quantile, duration) in quantiles {
            let labels = [labels, &[("quantile", quantile)]].concat();
            self.seconds(&family.quantiles, &labels, duration);
        }
        self.seconds(&family.sum, labels, latencies.total);
        self.number(&family.count, labels, latencies.count);
    }

    pub(super) fn seconds(&mut self, family: &Family, labels: &Labels<'_>, duration: Duration) {
        self.gauge(family, labels, duration.as_secs_f64());
    }
}

fn key(name: &'static str, labels: &Labels<'_>) -> Key {
    let labels = labels.iter();
    let labels: Vec<Label> = labels
        .map(|(name, value)| Label::new(*name, (*value).to_owned()))
        .collect();
    Key::from_parts(KeyName::from_const_str(name), labels)
}
