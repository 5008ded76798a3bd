//! Gaps that are old: an unfinished record before which nothing moves on, while others behind it are finished.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// A record that isn't finished, and what waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) partition: i32,
    /// That of the record.
    pub(crate) offset: i64,
    /// How many records behind it are finished, and can't be committed.
    pub(crate) waiting: usize,
}

/// The gaps that there are, each since it was seen first.
#[derive(Debug, Default)]
pub(crate) struct Gaps(BTreeMap<(i32, i64), Seen>);

#[derive(Debug)]
struct Seen {
    since: Instant,
    /// When it is time to say so, again.
    due: Duration,
}

impl Gaps {
    /// Takes in what gaps there are now. Returns those to warn of, with their age: once when they are so old, and again
    /// each time the age has doubled.
    pub(crate) fn look(
        &mut self,
        now: Instant,
        old: Duration,
        gaps: impl IntoIterator<Item = Gap>,
    ) -> Vec<(Gap, Duration)> {
        let mut before = std::mem::take(&mut self.0);
        let mut warnings = Vec::new();
        for gap in gaps {
            let place = (gap.partition, gap.offset);
            let mut seen = before.remove(&place).unwrap_or(Seen { since: now, due: old });
            let age = now.duration_since(seen.since);
            if age >= seen.due {
                seen.due = age * 2;
                warnings.push((gap, age));
            }
            self.0.insert(place, seen);
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Duration = Duration::from_secs(600);

    #[tokio::test(start_paused = true)]
    async fn an_old_gap_is_warned_of_now_and_then() {
        let (mut gaps, start) = (Gaps::default(), Instant::now());
        let gap = Gap { partition: 3, offset: 7, waiting: 2 };
        let warned = (0..=5000).step_by(100).map(Duration::from_secs).filter(|&after| {
            let warnings = gaps.look(start + after, OLD, [gap]);
            assert!(warnings.iter().all(|warning| *warning == (gap, after)));
            !warnings.is_empty()
        });
        assert_eq!(warned.map(|age| age.as_secs()).collect::<Vec<_>>(), [600, 1200, 2400, 4800]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_gap_that_moves_or_closes_begins_anew() {
        let (mut gaps, start) = (Gaps::default(), Instant::now());
        let gap = |offset, waiting| Gap { partition: 0, offset, waiting };
        let mut look =
            |after: u64, seen: Option<Gap>| gaps.look(start + Duration::from_secs(after), OLD, seen).len();
        assert_eq!(look(0, Some(gap(1, 1))), 0);
        assert_eq!(look(599, Some(gap(2, 9))), 0, "the first has closed, the second is new");
        assert_eq!(look(1198, Some(gap(2, 1))), 0);
        assert_eq!(look(1198, None), 0);
        assert_eq!(look(1300, Some(gap(2, 5))), 0, "it was closed meanwhile");
        assert_eq!(look(1900, Some(gap(2, 5))), 1);
    }
}
