//! What the model expects to become of messages and tasks, and what the monitors should be told.

use std::time::Duration;

use crate::scheduler::{Action, DropReason, StopReason};
use crate::sim::violation::Violation;
use crate::{ErrorKind, LateEvent, Observation, OfferEnd, OutcomeKind, SlotStatus, Verdict, VerdictKind};

/// What is expected of one event, gathered while it is followed.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) entries: Vec<Entry>,
    seen: Vec<Seen>,
    assistants_dropped: usize,
}

/// Something that happens to a message or a task for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Settle(u64, Expected),
    Drop(u64, DropReason),
    Closed,
}

/// A verdict, without the words of its error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    kind: VerdictKind,
    error: Option<ErrorKind>,
    after: Option<Duration>,
}

impl Expected {
    pub(super) const DONE: Self = Self { kind: VerdictKind::Done, error: None, after: None };
    pub(super) const INTERRUPTED: Self = Self { kind: VerdictKind::Interrupted, error: None, after: None };
    pub(super) const BUSY: Self = Self { kind: VerdictKind::Busy, error: None, after: None };

    pub(super) const fn failed(error: ErrorKind) -> Self {
        Self { kind: VerdictKind::Failed, error: Some(error), after: None }
    }

    pub(super) const fn retry(error: ErrorKind, after: Duration) -> Self {
        Self { kind: VerdictKind::Retry, error: Some(error), after: Some(after) }
    }

    pub(super) const fn error(self) -> Option<ErrorKind> {
        self.error
    }

    fn of(verdict: &Verdict) -> Self {
        let after = match verdict {
            Verdict::Retry { after, .. } => Some(*after),
            _ => None,
        };
        Self { kind: verdict.kind(), error: verdict.error().map(crate::Error::kind), after }
    }
}

/// An observation that stands for one thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Seen {
    Started(u64, usize, SlotStatus, Duration),
    Stopping(u64, SlotStatus, StopReason, Duration),
    Finished(u64, SlotStatus, OutcomeKind, Duration, Option<Duration>),
    Wedged(u64, SlotStatus),
    Failed(ErrorKind),
    OfferDropped(OfferEnd),
    Late(LateEvent),
}

impl Seen {
    fn of(observation: &Observation) -> Option<Self> {
        Some(match observation {
            Observation::Started { task, slot, status, wait, .. } => {
                Self::Started(task.0, slot.0 as usize, *status, *wait)
            }
            Observation::Stopping { task, status, reason, ran, .. } => {
                Self::Stopping(task.0, *status, *reason, *ran)
            }
            Observation::Finished { task, status, outcome, ran, stopping, .. } => {
                Self::Finished(task.0, *status, *outcome, *ran, *stopping)
            }
            Observation::Wedged { task, status, .. } => Self::Wedged(task.0, *status),
            Observation::Failed { error, .. } => Self::Failed(error.kind()),
            Observation::OfferDropped { end, .. } => Self::OfferDropped(*end),
            Observation::Late(event) => Self::Late(*event),
            _ => return None,
        })
    }
}

impl Ledger {
    pub(super) fn settle(&mut self, key: u64, verdict: Expected) {
        self.entries.push(Entry::Settle(key, verdict));
    }

    pub(super) fn drop(&mut self, key: u64, reason: DropReason) {
        self.entries.push(Entry::Drop(key, reason));
    }

    pub(super) fn see(&mut self, seen: Seen) {
        self.seen.push(seen);
    }

    pub(super) fn drop_assistants(&mut self, count: usize) {
        self.assistants_dropped += count;
    }

    /// Compares what was expected with what came.
    pub(super) fn compare(mut self, actions: &[Action]) -> Result<(), Violation> {
        let actual = || {
            actions.iter().filter_map(|action| match action {
                Action::Settle { task, verdict } => Some(Entry::Settle(task.0, Expected::of(verdict))),
                Action::Drop { task, reason } => Some(Entry::Drop(task.0, *reason)),
                Action::Closed => Some(Entry::Closed),
                _ => None,
            })
        };
        let closed = actions.iter().position(|action| *action == Action::Closed);
        if closed.is_some_and(|at| at + 1 < actions.len()) {
            return Err(Violation::new("closed is the last action", format!("{:?}", actions.last())));
        }
        if !actual().eq(self.entries.iter().cloned()) {
            let actual: Vec<_> = actual().collect();
            let rule = self.broken_rule(&actual);
            return Err(Violation::new(rule, format!("expected {:?}, got {actual:?}", self.entries)));
        }
        let mut seen: Vec<_> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Observe(observation) => Seen::of(observation),
                _ => None,
            })
            .collect();
        seen.sort_unstable();
        self.seen.sort_unstable();
        if seen != self.seen {
            return Err(Violation::new("observations", format!("expected {:?}, got {seen:?}", self.seen)));
        }
        let dropped: usize = actions
            .iter()
            .map(|action| match action {
                Action::Observe(Observation::AssistantsDropped { count }) => *count,
                _ => 0,
            })
            .sum();
        if dropped != self.assistants_dropped {
            let detail = format!("expected {}, {dropped} were counted", self.assistants_dropped);
            return Err(Violation::new("dropped assistants are counted", detail));
        }
        Ok(())
    }

    /// The most telling name for a difference: a message's fate before a task's.
    fn broken_rule(&self, actual: &[Entry]) -> &'static str {
        let settlements = |entries: &[Entry]| -> Vec<Entry> {
            entries.iter().filter(|entry| matches!(entry, Entry::Settle(..))).cloned().collect()
        };
        let closed = |entries: &[Entry]| entries.iter().filter(|entry| **entry == Entry::Closed).count();
        if settlements(&self.entries) != settlements(actual) {
            "settlements"
        } else if closed(&self.entries) != closed(actual) {
            "closed once, when nothing runs any more"
        } else {
            "drops"
        }
    }
}
