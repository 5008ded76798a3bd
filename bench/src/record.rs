//! What a run prints.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

/// What was measured in one run, by name. Raw samples, so that the same code makes percentiles of ours and the peer's.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Record {
    /// Single figures, in the unit that `README.md` states.
    figures: BTreeMap<&'static str, f64>,
    /// Times in nanoseconds.
    samples: BTreeMap<&'static str, Vec<u64>>,
    /// Requests that were handed back though they should have started.
    refused: usize,
}

impl Record {
    pub(crate) fn figure(mut self, name: &'static str, value: f64) -> Self {
        self.figures.insert(name, value);
        self
    }

    pub(crate) fn samples(mut self, name: &'static str, times: &[Duration]) -> Self {
        self.samples.insert(name, times.iter().map(nanoseconds).collect());
        self
    }

    pub(crate) fn refused(mut self, requests: usize) -> Self {
        self.refused = requests;
        self
    }
}

/// Five hundred years fit.
fn nanoseconds(time: &Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The time of each of so many.
#[expect(clippy::cast_precision_loss, reason = "counts of at most millions")]
pub(crate) fn nanoseconds_each(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e9 / count as f64
}

/// How many of so many there were in a second.
#[expect(clippy::cast_precision_loss, reason = "counts of at most millions")]
#[cfg(feature = "brokers")]
pub(crate) fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}
