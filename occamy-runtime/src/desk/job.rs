//! What is left to do after unlocking.

use std::collections::VecDeque;
use std::sync::Arc;

use occamy_core::scheduler::{SlotId, TaskKey};
use occamy_core::{BoxTask, Error, Message, SlotStatus, TaskContext, Verdict};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::Lane;
use super::table::{Control, Entry};
use crate::host::Host;
use crate::sync::mpsc;

/// Something to be done after unlocking.
pub(crate) enum Job {
    /// Run a task on the thread that brought the event: it has the right slot.
    RunHere(Run),
    /// Hand a task to the waiting thread of its slot.
    Send(mpsc::Sender<Run>, Run),
    /// Start a thread for the slot, with this task as its first.
    Spawn(Lane, Run),
    /// Spawn a task as a future.
    Future(Run),
    /// Wake whoever waits for the stop of this run.
    Wake(Arc<Host>),
    /// Have a thread of the pool come, and do the errands of tasks.
    Errands,
    /// Settle a message. Until then it counts as under way, so that no shutdown overlooks it.
    Settle { message: Box<dyn Message>, verdict: Verdict, group: Arc<str>, under_way: TaskTrackerToken },
    /// Log that a task did not end in time.
    Wedged { key: TaskKey, id: Arc<str>, group: Arc<str>, status: SlotStatus, slot: SlotId, left: bool },
    /// Lower the priority of a run that nobody waits for any more: now, or a while after it left its slot.
    Lower { host: Arc<Host>, wedged: bool },
    /// Log that there are more wedged slots than the server can bear, or no longer.
    Health { healthy: bool, wedged: usize },
    /// Drop what belonged to a task.
    Bury(Box<Grave>),
    /// Tell who pulls requests that there is room for more, or for fewer.
    Room,
    /// Everything has ended that will.
    Closed,
}

impl Job {
    /// True if doing it may take as long as the user pleases, or the user's broker.
    pub(super) fn runs_user_code(&self) -> bool {
        matches!(self, Self::Settle { .. } | Self::Bury(_) | Self::Wake(_))
    }
}

/// Objects of the user's, whose drop is the user's code.
#[expect(dead_code, reason = "only kept to be dropped")]
pub(crate) enum Grave {
    /// What is left of a task.
    Task(Entry),
    /// Control messages that nobody will read.
    Letters(VecDeque<Arc<Control>>),
    /// The error with which a task ended: its source may be anything.
    Error(Error),
}

/// A task about to run.
pub(crate) struct Run {
    pub(crate) key: TaskKey,
    pub(crate) task: BoxTask,
    pub(crate) host: Arc<Host>,
    pub(crate) cx: TaskContext,
}
