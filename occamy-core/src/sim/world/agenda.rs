//! What the tasks of a simulated world are going to do, in order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// What is planned.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    plans: BinaryHeap<Reverse<Planned>>,
    added: u64,
}

/// What a task is going to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Plan {
    /// It ends, unless its plans have changed since.
    End { key: u64, plan: u64 },
    /// It ends although it has ended.
    EndAgain { key: u64 },
    /// It answers with so many assistants.
    Answer { key: u64, amount: usize },
}

/// A plan, by time, then in the order in which it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Planned {
    at: Duration,
    order: u64,
    server: u64,
    plan: Plan,
}

impl Agenda {
    pub(super) fn add(&mut self, at: Duration, server: u64, plan: Plan) {
        self.added += 1;
        self.plans.push(Reverse(Planned { at, order: self.added, server, plan }));
    }

    pub(super) fn len(&self) -> usize {
        self.plans.len()
    }

    /// When the next plan is due.
    pub(super) fn next(&self) -> Option<Duration> {
        self.plans.peek().map(|Reverse(planned)| planned.at)
    }

    /// The next plan, and whose it is.
    pub(super) fn pop(&mut self) -> Option<(u64, Plan)> {
        self.plans.pop().map(|Reverse(planned)| (planned.server, planned.plan))
    }

    /// Strikes the plans of a server.
    pub(super) fn forget(&mut self, server: u64) {
        self.plans.retain(|Reverse(planned)| planned.server != server);
    }
}
