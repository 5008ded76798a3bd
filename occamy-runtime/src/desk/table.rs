//! What the runtime keeps of each task that the scheduler knows.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use occamy_core::scheduler::SlotId;
use occamy_core::{BoxTask, Headers, Message, MessageOrigin, SlotStatus, TaskDetails};

use super::calls::Attendance;
use crate::host::Host;
use crate::lineage::Lineage;

/// A task, from its arrival until the scheduler drops it.
pub(crate) struct Entry {
    pub(crate) task: BoxTask,
    pub(crate) details: TaskDetails,
    pub(crate) lineage: Arc<Lineage>,
    pub(crate) attempt: u32,
    pub(crate) lease_lost: Arc<AtomicBool>,
    /// Until it is settled.
    pub(crate) message: Option<Box<dyn Message>>,
    /// While `run` has not returned.
    pub(crate) run: Option<Running>,
    pub(crate) errands: Errands,
}

/// A task that was started.
pub(crate) struct Running {
    pub(crate) host: Arc<Host>,
    pub(crate) slot: SlotId,
    pub(crate) status: SlotStatus,
    pub(crate) since: Duration,
    pub(crate) left: bool,
    /// It is a future that has not rested yet.
    pub(super) unrested: bool,
    pub(crate) wedged: bool,
}

/// What a running task is still to be called for, one thing at a time.
#[derive(Default)]
pub(crate) struct Errands {
    /// It is to be asked for at most so many assistants.
    pub(crate) expand: Option<usize>,
    /// Control messages, oldest first.
    pub(crate) mailbox: VecDeque<Arc<Control>>,
    /// Whether a thread of the pool is at it, or will be.
    pub(super) attendance: Attendance,
}

/// A control message for a task.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) headers: Headers,
    pub(crate) body: Bytes,
    pub(crate) origin: Option<MessageOrigin>,
}

/// One call of user code beside `run`.
pub(crate) enum Errand {
    Expand(usize),
    Handle(Arc<Control>),
}

impl Errands {
    /// Puts a message into the mailbox. When that is full the oldest comes out.
    pub(crate) fn deliver(&mut self, control: Arc<Control>, bound: usize) -> Option<Arc<Control>> {
        let oldest = if self.mailbox.len() >= bound { self.mailbox.pop_front() } else { None };
        self.mailbox.push_back(control);
        oldest
    }

    /// The next thing to do. Expansion goes first: a slot is empty for want of it.
    pub(crate) fn next(&mut self) -> Option<Errand> {
        let expand = self.expand.take().map(Errand::Expand);
        expand.or_else(|| self.mailbox.pop_front().map(Errand::Handle))
    }

    /// Forgets everything: the run is over. Whoever is at it finds nothing more to do. Returns the unread messages.
    pub(crate) fn clear(&mut self) -> VecDeque<Arc<Control>> {
        self.expand = None;
        std::mem::take(&mut self.mailbox)
    }
}
