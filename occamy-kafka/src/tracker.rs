//! What is finished of one partition, in whatever order, and how much of that can be committed.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::ops::RangeInclusive;

/// The offsets of one partition that have been taken in since it was assigned.
///
/// Kafka remembers one offset of a partition: everything before it is done. Tasks end in any order, so that is the first
/// that is not finished. Those that are finished beyond it are written beside it, as far as there is room, so that another
/// server which takes the partition over passes them by.
///
/// Records come in the order of their offsets, so what is neither open nor still to come is finished: only what is open is
/// kept, however many are finished while one task runs for hours.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    /// After the last one that was taken in.
    position: i64,
    /// How many were taken in.
    taken: usize,
    /// Taken in and not finished, each with how many were taken in before it.
    open: BTreeMap<i64, usize>,
    /// Finished by who had the partition before us, and not reached yet. In order.
    before: VecDeque<RangeInclusive<i64>>,
}

/// What is to become of a record that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is to be done.
    Open,
    /// It is done already.
    Finished,
    /// It is one of those that were passed, so the log is another one than it was: the end was cut off, or the topic made
    /// anew. What is known of its offsets is worth nothing.
    WentBack,
}

/// How much of it may be written beside the offset. Kafka's default limit, `offset.metadata.max.bytes`, is 4,096 bytes.
pub(crate) const ROOM: usize = 4_000;

/// What it begins with, so that nobody takes something else for it.
const MARK: &str = "occamy-finished:";

impl Tracker {
    /// The state in which the partition was left: the offset that was committed, and what stands beside it.
    pub(crate) fn resume(committed: i64, metadata: &str) -> Self {
        Self { position: committed, before: decode(committed, metadata), ..Self::default() }
    }

    /// A record has come.
    pub(crate) fn take(&mut self, offset: i64) -> Taken {
        if offset < self.position {
            return Taken::WentBack;
        }
        self.position = offset.saturating_add(1);
        let number = self.taken;
        self.taken += 1;
        while self.before.front().is_some_and(|range| *range.end() < offset) {
            self.before.pop_front();
        }
        if self.before.front().is_some_and(|range| range.contains(&offset)) {
            return Taken::Finished;
        }
        self.open.insert(offset, number);
        Taken::Open
    }

    /// A record is finished.
    pub(crate) fn finish(&mut self, offset: i64) {
        self.open.remove(&offset);
    }

    /// Everything before this is finished.
    pub(crate) fn committable(&self) -> i64 {
        self.open.first_key_value().map_or(self.position, |(&offset, _)| offset)
    }

    /// How many are not finished.
    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }

    /// How many are finished and wait for one before them.
    pub(crate) fn waiting(&self) -> usize {
        self.open.first_key_value().map_or(0, |(_, before)| self.taken - before - self.open.len())
    }

    /// The record that those wait for.
    pub(crate) fn gap(&self) -> Option<i64> {
        self.open.first_key_value().map(|(&offset, _)| offset).filter(|_| self.waiting() > 0)
    }

    /// What is to stand beside the [committable](Self::committable) offset: what is finished beyond it, the first ones if
    /// there isn't room for all.
    pub(crate) fn metadata(&self, room: usize) -> String {
        let ends = self.open.keys().skip(1).copied().chain([self.position]);
        let between = self.open.keys().zip(ends).map(|(open, end)| open + 1..=end - 1);
        // What nobody has seen yet is passed on.
        let before = self.before.iter().map(|range| self.position.max(*range.start())..=*range.end());
        encode(self.committable(), room, between.chain(before))
    }
}

/// As ranges, counted from the offset beside which they stand: `occamy-finished:1-3,7`.
fn encode(committed: i64, room: usize, finished: impl Iterator<Item = RangeInclusive<i64>>) -> String {
    let mut text = String::new();
    for range in finished.filter(|range| !range.is_empty()) {
        let (first, last) = (range.start() - committed, range.end() - committed);
        let before = text.len();
        text.push_str(if text.is_empty() { MARK } else { "," });
        write!(text, "{first}").expect("a string takes everything");
        if last > first {
            write!(text, "-{last}").expect("a string takes everything");
        }
        if text.len() > room {
            text.truncate(before);
            break;
        }
    }
    text
}

/// Whatever it is, it is no reason to fail: at worst a record is done once more.
fn decode(committed: i64, text: &str) -> VecDeque<RangeInclusive<i64>> {
    let mut finished = VecDeque::new();
    let mut behind = committed;
    for range in text.strip_prefix(MARK).unwrap_or_default().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let offset = |text: &str| text.parse().ok().and_then(|offset: i64| committed.checked_add(offset));
        let (Some(first), Some(last)) = (offset(first), offset(last)) else { continue };
        // We write them in order.
        if (behind..=last).contains(&first) {
            finished.push_back(first..=last);
            behind = last.saturating_add(1);
        }
    }
    finished
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(committed: i64, offsets: impl IntoIterator<Item = i64>) -> Tracker {
        let mut tracker = Tracker::resume(committed, "");
        for offset in offsets {
            assert_eq!(tracker.take(offset), Taken::Open);
        }
        tracker
    }

    #[test]
    fn only_the_finished_beginning_is_committable() {
        let mut tracker = taken(0, 0..5);
        assert_eq!(tracker.committable(), 0);
        for (finish, committable, waiting) in [(2, 0, 1), (0, 1, 1), (1, 3, 0), (4, 3, 1), (3, 5, 0)] {
            tracker.finish(finish);
            assert_eq!(tracker.gap(), (waiting > 0).then_some(committable), "after {finish}");
            assert_eq!((tracker.committable(), tracker.waiting()), (committable, waiting), "after {finish}");
        }
    }

    #[test]
    fn offsets_that_are_nobodys_leave_no_gap() {
        // Where a transaction has ended, or a record was compacted away.
        let mut tracker = taken(10, [10, 13, 20]);
        tracker.finish(13);
        tracker.finish(10);
        assert_eq!((tracker.committable(), tracker.waiting()), (20, 0));
        tracker.finish(20);
        assert_eq!(tracker.committable(), 21);
    }

    #[test]
    fn who_resumes_passes_by_what_was_finished_out_of_turn() {
        let mut tracker = taken(5, 5..12);
        [6, 7, 8, 10].into_iter().for_each(|offset| tracker.finish(offset));
        assert_eq!((tracker.committable(), &*tracker.metadata(ROOM)), (5, "occamy-finished:1-3,5"));
        let mut next = Tracker::resume(tracker.committable(), &tracker.metadata(ROOM));
        let open: Vec<i64> = (5..13).filter(|&offset| next.take(offset) == Taken::Open).collect();
        assert_eq!(open, [5, 9, 11, 12]);
        // It passes on what it has not seen itself.
        let early = Tracker::resume(tracker.committable(), &tracker.metadata(ROOM));
        assert_eq!(early.metadata(ROOM), tracker.metadata(ROOM));
        open.into_iter().for_each(|offset| next.finish(offset));
        assert_eq!((next.committable(), next.waiting(), &*next.metadata(ROOM)), (13, 0, ""));
    }

    #[test]
    fn what_was_finished_before_the_first_open_one_is_committable_too() {
        let mut tracker = Tracker::resume(5, "occamy-finished:0-2");
        let taken = [5, 6, 7, 8].map(|offset| tracker.take(offset));
        assert_eq!(taken, [Taken::Finished, Taken::Finished, Taken::Finished, Taken::Open]);
        assert_eq!((tracker.committable(), tracker.waiting()), (8, 0));
    }

    #[test]
    fn an_offset_that_was_passed_is_never_taken_for_a_finished_one() {
        let mut tracker = taken(0, 0..2);
        assert_eq!(tracker.take(0), Taken::WentBack, "it is open");
        tracker.finish(0);
        assert_eq!(tracker.take(0), Taken::WentBack, "it is finished");
        assert_eq!(Tracker::resume(100, "").take(99), Taken::WentBack, "it was committed");
        assert_eq!((tracker.committable(), tracker.waiting()), (1, 0));
    }

    #[test]
    fn a_million_that_are_finished_while_one_task_runs_take_no_room() {
        let mut tracker = taken(0, 0..1_000_000);
        (1..1_000_000).for_each(|offset| tracker.finish(offset));
        assert_eq!((tracker.committable(), tracker.waiting(), tracker.open.len()), (0, 999_999, 1));
        assert_eq!(tracker.metadata(ROOM), "occamy-finished:1-999999");
    }

    #[test]
    fn what_has_no_room_is_left_out_and_nonsense_is_passed_over() {
        let mut tracker = taken(0, 0..10_000);
        (1..10_000).step_by(2).for_each(|offset| tracker.finish(offset));
        let metadata = tracker.metadata(ROOM);
        assert!(metadata.len() <= ROOM && metadata.len() > ROOM - 20, "{}", metadata.len());
        assert_eq!((&*tracker.metadata(20), &*tracker.metadata(9)), ("occamy-finished:1,3", ""));
        let resumed = Tracker::resume(0, &metadata);
        assert!(resumed.before.len() > 700 && resumed.before.iter().all(|range| range.start() % 2 == 1));
        for nonsense in [
            "",
            "another's",
            "occamy-finished:",
            "occamy-finished:x,3-,-,5-4",
            "occamy-finished:-7",
            "occamy-finished:9223372036854775807",
        ] {
            assert!(Tracker::resume(1, nonsense).before.is_empty(), "{nonsense}");
        }
        assert_eq!(Tracker::resume(7, "occamy-finished:5-6,1-9,6,8").before, [12..=13, 15..=15]);
    }
}
