//! What goes into the scheduler.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::Outcome;

/// Names a task, once and for ever.
///
/// The caller hands out keys in rising order, and never the same twice: an arrival whose key is not greater than every
/// one before is taken for a repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskKey(pub u64);

/// Something that happened. Every event is legal in every state: one that comes too late changes nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A request arrived, and its handler made a task of it.
    RequestArrived {
        /// The key of the new task.
        task: TaskKey,
        /// What the scheduler needs to know of it.
        request: Request,
    },
    /// The message of a request belongs to another server by now. One that waits is handed back; one that runs goes on.
    RequestWithdrawn {
        /// The task made of the request.
        task: TaskKey,
    },
    /// An optional request arrived, and its handler made a task of it.
    OfferArrived {
        /// The key of the new task.
        task: TaskKey,
        /// What the scheduler needs to know of it.
        offer: Offer,
    },
    /// A task that was started has ended.
    Finished {
        /// Which task.
        task: TaskKey,
        /// How.
        outcome: Outcome,
    },
    /// A task that was asked to expand has answered.
    Expanded {
        /// The task that was asked.
        task: TaskKey,
        /// What it created, best first, with new keys in rising order. May be more or less than it was asked for.
        assistants: Vec<Assistant>,
    },
    /// The user calls for an expansion, whatever the period.
    ExpandNow,
    /// Time has passed. Due whenever the deadline is reached; harmless at any other time.
    TimePassed,
    /// Take nothing new, and stop nothing.
    Drain,
    /// Take nothing new, stop unprotected tasks now and protected ones after the grace period. A repetition can only
    /// shorten the grace.
    ShutDown {
        /// How long protected tasks may run on.
        grace: Duration,
    },
}

/// A request, as the scheduler sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// The id, for the monitors.
    pub id: Arc<str>,
    /// The group, for the monitors.
    pub group: Arc<str>,
    /// The share of spare slots that its family is entitled to, in relation to other families.
    pub weight: NonZeroU32,
    /// How long it may run before it is stopped and fails, if that is limited.
    pub max_run: Option<Duration>,
    /// Which attempt this is; 1 the first time.
    pub attempt: u32,
    /// How long ago its message came: what making a task of it took, which is a part of its wait.
    pub handling: Duration,
}

/// An offer, as the scheduler sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Offer {
    /// The id, for the monitors.
    pub id: Arc<str>,
    /// The group, for the monitors.
    pub group: Arc<str>,
    /// The share of spare slots that its family is entitled to, in relation to other families.
    pub weight: NonZeroU32,
    /// When it is no longer worth starting, since the server's start. `None` means never.
    pub deadline: Option<Duration>,
    /// The size of its message, headers and body, which counts against the bound.
    pub bytes: usize,
}

/// An assistant, as the scheduler sees it. It belongs to the family of the task that created it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Assistant {
    /// The key of the new task.
    pub task: TaskKey,
    /// The id, for the monitors.
    pub id: Arc<str>,
    /// The group, for the monitors.
    pub group: Arc<str>,
}
