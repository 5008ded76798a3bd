//! The time, as the scheduler was told, and every deadline it keeps.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::scheduler::TaskKey;

/// What is due at a deadline. Where two fall on the same instant, the earlier variant goes first: ends of tasks before
/// new asks, and the period last, so that it sees what the others did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Timer {
    /// Protected tasks are stopped.
    Grace,
    /// A stopped task should have ended by now.
    Kill(TaskKey),
    /// A protected task has run as long as it may.
    MaxRun(TaskKey),
    /// A task that was asked to expand should have answered by now.
    Answer(TaskKey),
    /// A family may be asked again. Named by its root.
    Cooldown(TaskKey),
    /// Every family is asked again, and slots are rebalanced.
    Period,
}

/// The greatest time seen, and the deadlines in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    now: Duration,
    due: BTreeSet<(Duration, Timer)>,
}

impl Clock {
    pub(super) fn now(&self) -> Duration {
        self.now
    }

    /// Never runs backwards: an earlier time counts as the latest.
    pub(super) fn advance(&mut self, now: Duration) {
        self.now = self.now.max(now);
    }

    /// The time so much later than now.
    pub(super) fn after(&self, delay: Duration) -> Duration {
        self.now.saturating_add(delay)
    }

    pub(super) fn set(&mut self, at: Duration, timer: Timer) {
        self.due.insert((at, timer));
    }

    pub(super) fn cancel(&mut self, at: Duration, timer: Timer) {
        self.due.remove(&(at, timer));
    }

    /// Cancels every timer but those that `keep` keeps.
    pub(super) fn retain(&mut self, keep: impl Fn(Timer) -> bool) {
        self.due.retain(|&(_, timer)| keep(timer));
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Duration> {
        self.due.first().map(|&(at, _)| at)
    }

    /// Takes the earliest timer that is due by now.
    pub(super) fn pop_due(&mut self) -> Option<Timer> {
        let &(at, timer) = self.due.first().filter(|&&(at, _)| at <= self.now)?;
        self.due.remove(&(at, timer));
        Some(timer)
    }

    #[cfg(feature = "sim")]
    pub(super) fn iter(&self) -> impl Iterator<Item = (Duration, Timer)> + '_ {
        self.due.iter().copied()
    }
}
