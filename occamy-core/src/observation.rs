//! What monitors are told.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::scheduler::{SlotId, StopReason, TaskKey};
use crate::{Error, OutcomeKind, SlotStatus, VerdictKind};

/// Something worth counting, timing or logging.
///
/// Observations own their data, because they wait in a queue until they can be handed out without holding a lock.
/// They reach a monitor in the order in which things happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Observation {
    /// The use of the slots has changed, or time has passed: a server tells it at least once a second until it is closed,
    /// so that the time of slots can be added up though nothing happens. What keeps a server's time tells it each time,
    /// changed or not, and nobody else tells what is unchanged: that is the server's heartbeat.
    Slots(SlotUsage),
    /// A task was given a slot.
    Started {
        /// Which task.
        task: TaskKey,
        /// Where.
        slot: SlotId,
        /// Its id, which need not be unique.
        id: Arc<str>,
        /// Its group.
        group: Arc<str>,
        /// The status it runs with.
        status: SlotStatus,
        /// From its arrival to its start. For a request that is the time at which its message was handed to the server.
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
        /// Why it was told to stop, if it was.
        reason: Option<StopReason>,
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
    /// One of the server's own processes has run.
    Process {
        /// Which one.
        process: Process,
        /// How long it took, user code that it called included.
        took: Duration,
    },
    /// A broker has taken a settlement. One that failed is a [`Failed`](Self::Failed) instead.
    Settled {
        /// How the message was settled.
        verdict: VerdictKind,
    },
    /// Control messages were dropped, because the mailbox of a task, or what a transport holds back, was full.
    ControlMessagesDropped {
        /// How many.
        count: usize,
    },
    /// Something happened to the connection with the broker.
    Broker(BrokerEvent),
    /// The number of records that are finished but wait for an earlier one before they can be committed has changed. Only
    /// brokers that keep their messages in a log have it.
    UncommittedRecords {
        /// How many there are now, over all partitions.
        count: usize,
    },
}

/// One of a server's own processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Process {
    /// Taking a request message: its handler and details, until its task is handed to the scheduler.
    HandleRequestMessage,
    /// Taking a control message: until it lies in the mailboxes of its tasks, or its offer is accepted or refused.
    HandleControlMessage,
    /// Having a task expand: from the call to its answer.
    Expansion,
}

impl Process {
    /// Every process, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::HandleRequestMessage, Self::HandleControlMessage, Self::Expansion];

    /// The public name, which labels metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HandleRequestMessage => "handle_request_message",
            Self::HandleControlMessage => "handle_control_message",
            Self::Expansion => "expansion_process",
        }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that happened to the connection with a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum BrokerEvent {
    /// It is there for the first time.
    Connected,
    /// It is gone. The transport tries to get it back.
    Disconnected,
    /// It is back.
    Reconnected,
    /// A message was settled on a connection that is gone, or by a former owner. The broker wasn't told: it hands the
    /// message out again.
    StaleSettlement,
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
    /// Every end, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Refused, Self::Expired, Self::Draining, Self::NotKilled];

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

impl fmt::Display for OfferEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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
    /// True while no more slots are wedged than the server can bear. See
    /// [`max_wedged_slots`](crate::scheduler::Config::max_wedged_slots).
    pub healthy: bool,
    /// True once the server is closed: nothing runs any more but what did not stop in time.
    pub closed: bool,
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
