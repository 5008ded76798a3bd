//! How far measured times lie apart.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// The order statistics of some times.
///
/// There are tens of them as a rule: of so few a 99th percentile would only be another name of the maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Spread {
    pub(super) samples: usize,
    #[serde(rename = "median_us", serialize_with = "microseconds")]
    pub(super) median: Duration,
    #[serde(rename = "p90_us", serialize_with = "microseconds")]
    pub(super) p90: Duration,
    #[serde(rename = "max_us", serialize_with = "microseconds")]
    pub(super) max: Duration,
}

impl Spread {
    /// The spread of these times; `None` of nothing.
    pub(super) fn of(times: impl IntoIterator<Item = Duration>) -> Option<Self> {
        let mut times: Vec<Duration> = times.into_iter().collect();
        times.sort_unstable();
        // The nearest rank: a time that was measured, with at least so many of a hundred at or below it.
        let percentile = |percent: usize| times[(times.len() * percent).div_ceil(100).max(1) - 1];
        let max = *times.last()?;
        Some(Self { samples: times.len(), median: percentile(50), p90: percentile(90), max })
    }
}

fn microseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64() * 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let spread = |times: &[u64]| Spread::of(times.iter().copied().map(Duration::from_micros));
        let expected = |samples, median, p90, max| {
            let [median, p90, max] = [median, p90, max].map(Duration::from_micros);
            Some(Spread { samples, median, p90, max })
        };
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[5]), expected(1, 5, 5, 5));
        assert_eq!(spread(&[9, 1]), expected(2, 1, 9, 9));
        assert_eq!(spread(&[3, 10, 1, 9, 2, 8, 4, 7, 5, 6]), expected(10, 5, 9, 10));
    }

    #[test]
    fn programs_are_told_the_unit() {
        let json = serde_json::to_value(Spread::of([Duration::from_millis(2)])).unwrap();
        assert_eq!(json["median_us"], 2000.0);
    }
}
