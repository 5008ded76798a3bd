//! What is finished of one partition, in whatever order, and how much of that can be committed.

use std::collections::BTreeSet;
use std::fmt::Write;

/// The offsets of one partition that have been taken in since it was assigned.
///
/// Kafka remembers one offset of a partition: everything before it is done. Tasks end in any order, so that is the first
/// that is not finished. Those that are finished beyond it are written beside it, as far as there is room, so that another
/// server which takes the partition over passes them by.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    /// After the last one that was taken in.
    position: i64,
    /// Taken in, and not finished.
    open: BTreeSet<i64>,
    /// Finished, and after an open one.
    beyond: BTreeSet<i64>,
    /// Finished by who had the partition before us, and not seen yet.
    before: BTreeSet<i64>,
}

/// How much of it may be written beside the offset. Kafka's default limit, `offset.metadata.max.bytes`, is 4,096 bytes.
const ROOM: usize = 4_000;

/// What it begins with, so that nobody takes something else for it.
const MARK: &str = "occamy-finished:";

impl Tracker {
    /// The state in which the partition was left: the offset that was committed, and what stands beside it.
    pub(crate) fn resume(committed: i64, metadata: &str) -> Self {
        Self { position: committed, before: decode(committed, metadata), ..Self::default() }
    }

    /// A record has come. False if it needs not be done, because it is already.
    pub(crate) fn take(&mut self, offset: i64) -> bool {
        // What is delivered twice was open and still is, or is finished.
        if offset < self.position && !self.open.contains(&offset) {
            return false;
        }
        self.position = self.position.max(offset + 1);
        if self.before.remove(&offset) {
            if !self.open.is_empty() {
                self.beyond.insert(offset);
            }
            return false;
        }
        self.open.insert(offset)
    }

    /// A record is finished.
    pub(crate) fn finish(&mut self, offset: i64) {
        if self.open.remove(&offset) {
            self.beyond.insert(offset);
            let committable = self.committable();
            self.beyond.retain(|&finished| finished >= committable);
        }
    }

    /// Everything before this is finished.
    pub(crate) fn committable(&self) -> i64 {
        self.open.first().copied().unwrap_or(self.position)
    }

    /// How many are finished and wait for one before them.
    pub(crate) fn waiting(&self) -> usize {
        self.beyond.len()
    }

    /// The record that those wait for.
    pub(crate) fn gap(&self) -> Option<i64> {
        self.open.first().copied().filter(|_| !self.beyond.is_empty())
    }

    /// What is to stand beside the [committable](Self::committable) offset: what is finished beyond it, the first ones if
    /// there isn't room for all.
    pub(crate) fn metadata(&self) -> String {
        // What nobody has seen yet is passed on.
        encode(self.committable(), self.beyond.union(&self.before))
    }
}

/// As ranges, counted from the offset beside which they stand: `occamy-finished:1-3,7`.
fn encode<'a>(committed: i64, finished: impl Iterator<Item = &'a i64>) -> String {
    let mut text = String::new();
    let mut finished = finished.map(|offset| offset - committed).filter(|&offset| offset >= 0).peekable();
    while let Some(first) = finished.next() {
        let mut last = first;
        while let Some(next) = finished.next_if(|&next| next == last + 1) {
            last = next;
        }
        let before = text.len();
        text.push_str(if text.is_empty() { MARK } else { "," });
        write!(text, "{first}").expect("a string takes everything");
        if last > first {
            write!(text, "-{last}").expect("a string takes everything");
        }
        if text.len() > ROOM {
            text.truncate(before);
            break;
        }
    }
    text
}

/// Whatever it is, it is no reason to fail: at worst a record is done once more.
fn decode(committed: i64, text: &str) -> BTreeSet<i64> {
    /// A range that somebody else wrote must not fill the memory.
    const MOST: usize = 1 << 20;
    let mut finished = BTreeSet::new();
    for range in text.strip_prefix(MARK).unwrap_or_default().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (Ok(first), Ok(last)) = (first.parse::<i64>(), last.parse::<i64>()) else { continue };
        let offsets = (first..=last).take(MOST.saturating_sub(finished.len()));
        finished.extend(offsets.filter_map(|offset| committed.checked_add(offset)));
    }
    finished
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(committed: i64, offsets: impl IntoIterator<Item = i64>) -> Tracker {
        let mut tracker = Tracker::resume(committed, "");
        for offset in offsets {
            assert!(tracker.take(offset));
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
        assert_eq!((tracker.committable(), &*tracker.metadata()), (5, "occamy-finished:1-3,5"));
        let mut next = Tracker::resume(tracker.committable(), &tracker.metadata());
        let open: Vec<i64> = (5..13).filter(|&offset| next.take(offset)).collect();
        assert_eq!(open, [5, 9, 11, 12]);
        // It passes on what it has not seen itself.
        let early = Tracker::resume(tracker.committable(), &tracker.metadata());
        assert_eq!(early.metadata(), tracker.metadata());
        open.into_iter().for_each(|offset| next.finish(offset));
        assert_eq!((next.committable(), next.waiting(), &*next.metadata()), (13, 0, ""));
    }

    #[test]
    fn what_was_finished_before_the_first_open_one_is_committable_too() {
        let mut tracker = Tracker::resume(5, "occamy-finished:0-2");
        assert!(!tracker.take(5) && !tracker.take(6) && !tracker.take(7) && tracker.take(8));
        assert_eq!((tracker.committable(), tracker.waiting()), (8, 0));
    }

    #[test]
    fn a_record_that_is_delivered_twice_is_taken_once() {
        let mut tracker = taken(0, 0..2);
        assert!(!tracker.take(0), "it is open");
        tracker.finish(0);
        assert!(!tracker.take(0), "it is finished");
        assert_eq!(tracker.committable(), 1);
        tracker.finish(0);
        assert_eq!((tracker.committable(), tracker.waiting()), (1, 0));
    }

    #[test]
    fn what_has_no_room_is_left_out_and_nonsense_is_passed_over() {
        let mut tracker = taken(0, 0..10_000);
        (1..10_000).step_by(2).for_each(|offset| tracker.finish(offset));
        let metadata = tracker.metadata();
        assert!(metadata.len() <= ROOM && metadata.len() > ROOM - 20, "{}", metadata.len());
        let resumed = Tracker::resume(0, &metadata);
        assert!(resumed.before.len() > 700 && resumed.before.iter().all(|offset| offset % 2 == 1));
        for nonsense in
            ["", "another's", "occamy-finished:", "occamy-finished:x,3-,-,5-4", "occamy-finished:-7"]
        {
            assert!(Tracker::resume(0, nonsense).before.is_empty(), "{nonsense}");
        }
        let huge = Tracker::resume(i64::MAX - 5, "occamy-finished:0-9223372036854775807");
        assert!(huge.before.len() <= 1 << 20);
    }
}
