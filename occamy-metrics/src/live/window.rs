//! How long something took, over the last ten minutes.

use std::time::Duration;

use hdrhistogram::Histogram;

/// A histogram a minute, of which the oldest is forgotten.
const MINUTES: u64 = 10;

/// One microsecond to one hour, with two significant figures: some 13 KiB a histogram.
const LONGEST: u64 = 3_600_000_000;
const FIGURES: u8 = 2;

/// Durations of the last ten minutes, to the minute.
#[derive(Debug)]
pub(super) struct Window {
    minutes: Vec<(u64, Histogram<u32>)>,
}

impl Default for Window {
    fn default() -> Self {
        let histogram =
            || Histogram::new_with_bounds(1, LONGEST, FIGURES).expect("the bounds are those of a histogram");
        Self { minutes: (0..MINUTES).map(|minute| (minute, histogram())).collect() }
    }
}

impl Window {
    pub(super) fn record(&mut self, now: Duration, took: Duration) {
        let minute = now.as_secs() / 60;
        let index = usize::try_from(minute % MINUTES).unwrap_or_default();
        let (of, histogram) = &mut self.minutes[index];
        if *of != minute {
            *of = minute;
            histogram.reset();
        }
        // What takes longer than an hour counts as an hour.
        histogram.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1));
    }

    /// How many there were, and the quantiles of them, in microseconds.
    pub(super) fn quantiles<const N: usize>(&self, now: Duration, quantiles: [f64; N]) -> (u64, [u64; N]) {
        let minute = now.as_secs() / 60;
        let mut recent = self
            .minutes
            .iter()
            .filter(|(of, histogram)| of + MINUTES > minute && !histogram.is_empty())
            .map(|(_, histogram)| histogram);
        let Some(first) = recent.next() else { return (0, [0; N]) };
        let mut all = first.clone();
        for histogram in recent {
            all.add(histogram).expect("all have the same bounds");
        }
        (all.len(), quantiles.map(|quantile| all.value_at_quantile(quantile)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_ten_minutes_is_forgotten() {
        let mut window = Window::default();
        let at = Duration::from_secs;
        assert_eq!(window.quantiles(at(0), [0.5]), (0, [0]));
        for _ in 0..9 {
            window.record(at(30), Duration::from_micros(50));
        }
        window.record(at(400), Duration::from_micros(100));
        assert_eq!(window.quantiles(at(590), [0.5, 0.99]), (10, [50, 100]));
        assert_eq!(window.quantiles(at(605), [0.5]), (1, [100]));
        window.record(at(630), Duration::MAX);
        let (count, [median, longest]) = window.quantiles(at(640), [0.5, 1.0]);
        assert_eq!((count, median), (2, 100));
        assert!((LONGEST * 99 / 100..LONGEST * 102 / 100).contains(&longest), "{longest}");
        assert_eq!(window.quantiles(at(5000), [0.5]), (0, [0]));
    }
}
