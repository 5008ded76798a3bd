//! What a server is doing at one moment.

use std::sync::Arc;
use std::time::Duration;

use occamy_core::scheduler::{SlotId, TaskKey};
use occamy_core::{SlotStatus, SlotUsage};

use super::Desk;

/// What a server is doing at one moment. Taken by [`Server::snapshot`](crate::Server::snapshot).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// How the slots are used.
    pub usage: SlotUsage,
    /// The tasks that were started and have not ended, in the order of their arrival.
    pub tasks: Vec<TaskSnapshot>,
    /// Tasks that have not started: requests and assistants that wait for a victim to end, and offers that wait for a spare
    /// slot.
    pub queued: usize,
    /// What came of lowering the priority of computing tasks for whose end nobody waits.
    pub idle_priority: IdlePriority,
}

/// A task that was started and has not ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskSnapshot {
    /// Names the task on this server.
    pub key: TaskKey,
    /// Its id.
    pub id: Arc<str>,
    /// Its group.
    pub group: Arc<str>,
    /// What it runs as.
    pub status: SlotStatus,
    /// The slot in which it was started.
    pub slot: SlotId,
    /// How long it has been running.
    pub elapsed: Duration,
    /// How it stands with its end.
    pub state: TaskState,
    /// True if it is a leftover: its slot went to a request while it still winds down.
    pub left: bool,
}

/// How a started task stands with its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskState {
    /// It has not been told to stop.
    Running,
    /// It was told to stop.
    Stopping,
    /// It was told to stop, and did not within the kill timeout.
    Wedged,
}

/// What became of the priority of leftover and wedged threads. See
/// [`ServerBuilder::idle_priority`](crate::ServerBuilder::idle_priority).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdlePriority {
    /// No thread has had to be lowered so far.
    Untried,
    /// The system runs them where it has nothing else to do. On Linux that is its policy `SCHED_IDLE`.
    Idle,
    /// The system gives them little, at a nice value of 19.
    Nice,
    /// The system left them as they are: they compete with the tasks in the slots.
    Refused,
    /// The server was built not to lower them.
    Off,
}

impl IdlePriority {
    /// The public name, for logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Untried => "untried",
            Self::Idle => "idle",
            Self::Nice => "nice",
            Self::Refused => "refused",
            Self::Off => "off",
        }
    }
}

impl Desk {
    pub(crate) fn snapshot(&self, now: Duration, idle_priority: IdlePriority) -> Snapshot {
        let state = self.lock();
        let tasks: Vec<_> = state
            .tasks
            .iter()
            .filter_map(|(&key, entry)| {
                let running = entry.run.as_ref()?;
                Some(TaskSnapshot {
                    key,
                    id: Arc::clone(&entry.details.id),
                    group: Arc::clone(&entry.details.group),
                    status: running.status,
                    slot: running.slot,
                    elapsed: now.saturating_sub(running.since),
                    state: match running {
                        running if running.wedged => TaskState::Wedged,
                        running if running.host.is_stopped() => TaskState::Stopping,
                        _ => TaskState::Running,
                    },
                    left: running.left,
                })
            })
            .collect();
        let queued = state.tasks.len() - tasks.len();
        Snapshot { usage: state.scheduler.usage(), tasks, queued, idle_priority }
    }
}
