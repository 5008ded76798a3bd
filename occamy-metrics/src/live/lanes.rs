//! What each slot did in each of the last six hundred seconds, in a byte.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use occamy_core::SlotStatus;

/// How many columns are kept: ten minutes of seconds.
const COLUMNS: usize = 600;
const WIDTH: Duration = Duration::from_secs(1);

/// A byte of a column: the lowest three bits are what the slot was used for most while it was used, the next four for how
/// much of the time, from 0 to 15, and the highest whether a task in it was evicted.
const SHARE_SHIFT: u32 = 3;
const SHARES: u128 = 15;
const EVICTED: u8 = 1 << 7;

/// What a slot is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Task(SlotStatus),
    Wedged,
}

impl Use {
    /// How many there are.
    const COUNT: usize = SlotStatus::ALL.len() + 1;

    fn code(self) -> usize {
        match self {
            Self::Task(SlotStatus::Empty) => 0,
            Self::Task(SlotStatus::UnprotectedExternal) => 1,
            Self::Task(SlotStatus::UnprotectedInternal) => 2,
            Self::Task(SlotStatus::Protected) => 3,
            Self::Wedged => 4,
        }
    }
}

/// The lanes of all slots, column by column.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    slots: Vec<Slot>,
    columns: VecDeque<Arc<[u8]>>,
    /// When the current column has begun.
    begun: Duration,
    /// How many columns have come with the last end of one.
    fresh: usize,
}

/// One slot within the current column.
#[derive(Clone, Debug)]
struct Slot {
    code: usize,
    since: Duration,
    spent: [Duration; Use::COUNT],
    evicted: bool,
}

impl Lanes {
    pub(super) fn grow(&mut self, now: Duration, slots: usize) {
        let empty = Slot { code: 0, since: now, spent: [Duration::ZERO; Use::COUNT], evicted: false };
        self.slots.resize(slots, empty);
    }

    pub(super) fn switch(&mut self, now: Duration, slot: usize, to: Use) {
        let slot = &mut self.slots[slot];
        slot.spend(now);
        slot.code = to.code();
    }

    /// A task in this slot was evicted.
    pub(super) fn mark(&mut self, slot: usize) {
        self.slots[slot].evicted = true;
    }

    /// Ends the current column. If that comes late it is that of each second since the last one.
    pub(super) fn end_column(&mut self, now: Duration) {
        let length = now.saturating_sub(self.begun);
        self.begun = now;
        let column: Arc<[u8]> = self.slots.iter_mut().map(|slot| slot.end_column(now, length)).collect();
        let seconds = (length + WIDTH / 2).as_secs() / WIDTH.as_secs();
        let seconds = usize::try_from(seconds).unwrap_or(COLUMNS).clamp(1, COLUMNS);
        self.columns.extend(std::iter::repeat_n(column, seconds));
        self.columns.drain(..self.columns.len().saturating_sub(COLUMNS));
        self.fresh = seconds;
    }

    /// The columns there are, the oldest first. One from before there were more slots is shorter.
    pub(super) fn columns(&self) -> impl Iterator<Item = &Arc<[u8]>> {
        self.columns.iter()
    }

    /// Those that have come with the last end of one: a single one, unless it was late.
    pub(super) fn fresh(&self) -> impl Iterator<Item = &Arc<[u8]>> {
        self.columns.range(self.columns.len() - self.fresh..)
    }
}

impl Slot {
    fn spend(&mut self, now: Duration) {
        self.spent[self.code] += now.saturating_sub(self.since);
        self.since = self.since.max(now);
    }

    fn end_column(&mut self, now: Duration, length: Duration) -> u8 {
        self.spend(now);
        let spent = std::mem::take(&mut self.spent);
        let evicted = std::mem::take(&mut self.evicted);
        let (code, most) =
            spent.iter().enumerate().skip(1).max_by_key(|(_, spent)| **spent).unwrap_or((0, &spent[0]));
        let used: Duration = spent[1..].iter().sum();
        let code = if most.is_zero() { 0 } else { code };
        // Rounded up: what was used at all is seen.
        let share = (used.as_nanos() * SHARES).div_ceil(length.as_nanos().max(1)).min(SHARES);
        let byte = u8::try_from(share << SHARE_SHIFT).unwrap_or(u8::MAX) | u8::try_from(code).unwrap_or(0);
        if evicted { byte | EVICTED } else { byte }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn last(lanes: &Lanes) -> Vec<(u8, u8, bool)> {
        lanes
            .columns()
            .last()
            .unwrap()
            .iter()
            .map(|byte| (byte & 7, byte >> SHARE_SHIFT & 15, byte & EVICTED != 0))
            .collect()
    }

    #[test]
    fn a_column_has_what_a_slot_was_used_for_most_and_how_much() {
        let mut lanes = Lanes::default();
        lanes.grow(ms(0), 3);
        lanes.switch(ms(100), 0, Use::Task(SlotStatus::UnprotectedInternal));
        lanes.mark(0);
        lanes.switch(ms(300), 0, Use::Task(SlotStatus::Protected));
        lanes.switch(ms(998), 1, Use::Task(SlotStatus::UnprotectedExternal));
        lanes.end_column(ms(1000));
        assert_eq!(last(&lanes), [(3, 14, true), (1, 1, false), (0, 0, false)]);
        lanes.switch(ms(1000), 2, Use::Wedged);
        lanes.end_column(ms(2000));
        assert_eq!(last(&lanes), [(3, 15, false), (1, 15, false), (4, 15, false)]);
    }

    #[test]
    fn only_ten_minutes_are_kept() {
        let mut lanes = Lanes::default();
        for second in 0..=700 {
            if second == 650 {
                lanes.grow(ms(1000 * second), 2);
            }
            lanes.end_column(ms(1000 * second));
        }
        let lengths: Vec<_> = lanes.columns().map(|column| column.len()).collect();
        assert_eq!((lengths.len(), lengths[0], lengths[599]), (600, 0, 2));
        assert_eq!(lanes.fresh().count(), 1);
    }

    #[test]
    fn a_column_that_is_late_is_that_of_each_second() {
        let mut lanes = Lanes::default();
        lanes.grow(ms(0), 1);
        lanes.end_column(ms(1000));
        lanes.switch(ms(1000), 0, Use::Task(SlotStatus::Protected));
        lanes.end_column(ms(4100));
        assert_eq!((lanes.fresh().count(), lanes.columns().count()), (3, 4));
        lanes.end_column(ms(5000));
        assert_eq!((lanes.fresh().count(), lanes.columns().count()), (1, 5));
        assert_eq!(last(&lanes), [(3, 15, false)]);
        lanes.end_column(Duration::MAX);
        assert_eq!(lanes.columns().count(), COLUMNS);
    }
}
