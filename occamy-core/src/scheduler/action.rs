//! What comes out of the scheduler.

use crate::scheduler::TaskKey;
use crate::{Observation, SlotStatus, Verdict};

/// Names a slot: from 0 to the number of slots − 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(pub u32);

/// Something to do. Actions are to be carried out in the order in which they come.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Run a task in a slot. The slot's former occupant has ended, or has [left](Self::Leave).
    Start {
        /// Which task.
        task: TaskKey,
        /// Where.
        slot: SlotId,
        /// As what.
        status: SlotStatus,
    },
    /// Tell a running task to stop. It gets this at most once a start.
    Stop {
        /// Which task.
        task: TaskKey,
        /// Why.
        reason: StopReason,
    },
    /// A stopping task no longer occupies its slot, though it still runs: another task starts there next.
    Leave {
        /// Which task.
        task: TaskKey,
        /// The slot that it leaves.
        slot: SlotId,
    },
    /// Ask a running task to create assistants.
    Expand {
        /// Which task.
        task: TaskKey,
        /// At most how many. At least 1.
        limit: usize,
    },
    /// Settle the message of a request or an offer. Each gets this exactly once.
    Settle {
        /// The task made of the message.
        task: TaskKey,
        /// How.
        verdict: Verdict,
    },
    /// Forget a task: no action will name it again. Each task that arrived gets this exactly once, last of all.
    Drop {
        /// Which task.
        task: TaskKey,
        /// Why.
        reason: DropReason,
    },
    /// Tell the monitors.
    Observe(Observation),
    /// The server has shut down: every task has ended, or did not end in time. Comes exactly once.
    Closed,
}

/// Why a task is told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum StopReason {
    /// A request needs a slot.
    Evicted,
    /// A family with fewer assistants gets the slot.
    Rebalanced,
    /// The task ran longer than its own limit.
    Overran,
    /// The server shuts down.
    ShutDown,
}

impl StopReason {
    /// True for a stop that makes room for another task: whoever counts evictions counts these.
    pub const fn is_eviction(self) -> bool {
        matches!(self, Self::Evicted | Self::Rebalanced)
    }

    /// The public name, for logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evicted => "evicted",
            Self::Rebalanced => "rebalanced",
            Self::Overran => "overran",
            Self::ShutDown => "shut_down",
        }
    }
}

/// Why a task is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// It ran, and has ended.
    Ended,
    /// There was no room for it: a request without a slot, an offer over the bound, an assistant that can't be placed.
    Refused,
    /// Its message belongs to another server by now.
    Withdrawn,
    /// It is an offer whose deadline has passed.
    Expired,
    /// The server is draining or shutting down.
    Draining,
}
