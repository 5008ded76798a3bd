//! What monitors are told.

use std::sync::Arc;
use std::time::Duration;

use crate::scheduler::{StopReason, TaskKey};
use crate::{Error, OutcomeKind, SlotStatus};

/// Something worth counting, timing or logging.
///
/// Observations own their data, because they wait in a queue until they can be handed out without holding a lock.
/// They reach a monitor in the order in which things happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Observation {
    /// The use of the slots has changed.
    Slots(SlotUsage),
    /// A task was given a slot.
    Started {
        /// Which task.
        task: TaskKey,
        /// Its group.
        group: Arc<str>,
        /// The status it runs with.
        status: SlotStatus,
        /// From its arrival to its start.
        wait: Duration,
    },
    /// A task was told to stop.
    Stopping {
        /// Which task.
        task: TaskKey,
        /// Its group.
        group: Arc<str>,
        /// The status it ran with.
        status: SlotStatus,
        /// Why.
        reason: StopReason,
        /// How long it had run by then.
        ran: Duration,
    },
    /// A task that was given a slot has ended.
    Finished {
        /// Which task.
        task: TaskKey,
        /// Its group.
        group: Arc<str>,
        /// The status it ran with.
        status: SlotStatus,
        /// How it ended.
        outcome: OutcomeKind,
        /// From its start to its end.
        ran: Duration,
        /// From its stop to its end, if it was told to stop.
        stopping: Option<Duration>,
    },
    /// A task did not end within the kill timeout after its stop. Its [`Finished`](Self::Finished) may still come.
    Wedged {
        /// Which task.
        task: TaskKey,
        /// Its group.
        group: Arc<str>,
        /// The status it ran with.
        status: SlotStatus,
    },
    /// Something went wrong with a task or a message.
    Failed {
        /// The group of the task.
        group: Arc<str>,
        /// What went wrong.
        error: Error,
    },
    /// The number of offers held has changed.
    Offers {
        /// Waiting for a slot.
        queued: usize,
        /// Waiting or running: what counts against the bound.
        held: usize,
        /// The bytes of those held.
        bytes: usize,
    },
    /// An offer was dropped before it ran to an end of its own.
    OfferDropped {
        /// Its group.
        group: Arc<str>,
        /// Why.
        end: OfferEnd,
    },
    /// Assistants that a task created were dropped, because there was no room for them any more.
    AssistantsDropped {
        /// How many.
        count: usize,
    },
    /// An event came too late, or twice, and was ignored.
    Late(LateEvent),
}

/// Why an offer was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OfferEnd {
    /// It was over the bound on number or bytes.
    Refused,
    /// Its deadline passed before it could run.
    Expired,
    /// Its server was draining or shutting down.
    Draining,
    /// It was evicted and did not end within the kill timeout.
    NotKilled,
}

impl OfferEnd {
    /// The public name, which labels metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Draining => "draining",
            Self::NotKilled => "not_killed",
        }
    }
}

/// An event that changed nothing, because it came too late or for the second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LateEvent {
    /// An arrival whose key was used before.
    Arrival,
    /// A withdrawal of a request that no longer waits.
    Withdrawal,
    /// The end of a task that does not run.
    End,
    /// The answer of a task that was not asked, or is ended or stopped by now.
    Answer,
}

/// How the slots are used at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SlotUsage {
    /// When, since the server's start.
    pub at: Duration,
    /// Slots that run protected tasks.
    pub protected: usize,
    /// Slots that run internal assistants, stopping ones included.
    pub unprotected_internal: usize,
    /// Slots that run external tasks, stopping ones included.
    pub unprotected_external: usize,
    /// Slots in which nothing runs.
    pub empty: usize,
    /// Slots whose task was stopped and did not end in time.
    pub wedged: usize,
    /// Requests that wait for a slot whose task is stopping.
    pub waiting: usize,
    /// Stopped tasks that left their slot while still winding down. They are not counted among the slots.
    pub leftovers: usize,
    /// How many more requests could be given a slot: slots − protected − wedged − waiting, or 0 when draining.
    pub available: usize,
    /// True once the server takes nothing new.
    pub draining: bool,
}

impl SlotUsage {
    /// All slots of the server.
    pub const fn slots(&self) -> usize {
        self.protected + self.unprotected_internal + self.unprotected_external + self.empty + self.wedged
    }

    /// The slots with this status. Wedged slots have none of the four.
    pub const fn with_status(&self, status: SlotStatus) -> usize {
        match status {
            SlotStatus::Empty => self.empty,
            SlotStatus::UnprotectedExternal => self.unprotected_external,
            SlotStatus::UnprotectedInternal => self.unprotected_internal,
            SlotStatus::Protected => self.protected,
        }
    }
}
