//! A task as the scheduler knows it: where it comes from and where it is.

use std::sync::Arc;
use std::time::Duration;

use crate::SlotStatus;
use crate::scheduler::{SlotId, StopReason, TaskKey};

#[derive(Clone, Debug)]
pub(super) struct Task {
    /// The root of its family.
    pub(super) family: TaskKey,
    pub(super) id: Arc<str>,
    pub(super) group: Arc<str>,
    pub(super) status: SlotStatus,
    pub(super) origin: Origin,
    /// When it arrived, or went back to the queue.
    pub(super) arrived: Duration,
    pub(super) place: Place,
    /// What it was asked and has not answered.
    pub(super) ask: Option<Ask>,
}

/// What a task was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    Request { attempt: u32, max_run: Option<Duration> },
    Offer { deadline: Option<Duration>, bytes: usize },
    Assistant,
}

/// Where a task is. All but the last two can only move down this list, or end; an offer returns to the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// A request for which a victim is stopping.
    Waiting,
    /// An offer that waits for a spare slot.
    Queued,
    /// An assistant that waits for a slot freed for it.
    Held,
    /// In a slot.
    Running { slot: SlotId, start: Start, since: Duration },
    /// Told to stop.
    Stopping { site: Site, since: Duration, stop: Stop },
    /// Told to stop, and still not ended when it should have.
    Wedged { site: Site, since: Duration, stop: Stop },
}

/// Where a stopped task winds down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Site {
    /// In the slot it ran in.
    Slot(SlotId),
    /// Beside the slots: its own went to a request.
    Leftover,
}

/// When and why a task was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stop {
    pub(super) at: Duration,
    /// When it counts as wedged.
    pub(super) deadline: Duration,
    pub(super) reason: StopReason,
}

/// Orders the starts of tasks. An offer that runs again starts anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Start(pub(super) u64);

/// An unanswered question: how many assistants can you create?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ask {
    pub(super) limit: usize,
    /// The empty slots kept for the answer.
    pub(super) reserved: usize,
    /// When the reservation is lost.
    pub(super) expires: Duration,
    pub(super) purpose: Purpose,
}

/// Why a task is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    /// To fill spare slots.
    Fill,
    /// To take a slot from a family that has more.
    Rebalance,
}
