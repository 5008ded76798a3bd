//! The handle of a server: messages in, and the few commands there are.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use occamy_core::Message;
use occamy_core::scheduler::Event;

use crate::builder::ServerBuilder;
use crate::desk::{Snapshot, TaskSnapshot};
use crate::shared::Shared;
use crate::timekeeper;

/// A server: N slots, the tasks in them, and the rules by which requests take them.
///
/// This is a handle: a clone is cheap, and the same server. When the last handle is dropped the server shuts down without
/// grace; to shut down in an orderly way, call [`shutdown`](Self::shutdown).
///
/// Messages come from a transport with [`serve`](Self::serve), or one by one with
/// [`handle_request`](Self::handle_request) and [`handle_control`](Self::handle_control).
#[derive(Clone)]
pub struct Server {
    pub(crate) shared: Arc<Shared>,
    _handles: Arc<Handles>,
}

/// Lives as long as any handle.
struct Handles(Arc<Shared>);

impl Drop for Handles {
    fn drop(&mut self) {
        self.0.event(Event::ShutDown { grace: Duration::ZERO });
    }
}

impl Server {
    /// Begins to build a server that turns messages into tasks by this handler.
    pub fn builder(handler: impl occamy_core::Handler) -> ServerBuilder {
        ServerBuilder::new(handler)
    }

    pub(crate) fn start(shared: Shared) -> Self {
        let shared = Arc::new(shared);
        shared.runtime.spawn(timekeeper::keep_time(Arc::downgrade(&shared)));
        shared.tell_monitors();
        Self { _handles: Arc::new(Handles(Arc::clone(&shared))), shared }
    }

    /// Takes a request: calls the handler, and hands its task to the scheduler.
    ///
    /// Returns as soon as that is done, and never waits for a slot: by then the task has started, or a victim is stopping
    /// for it, or the message is on its way back. It is settled by the server, whatever happens, exactly once. The
    /// handler runs on the calling thread, unless that is one of [idle priority](ServerBuilder::idle_priority).
    pub fn handle_request(&self, message: Box<dyn Message>) {
        self.shared.call(|shared| shared.handle_request(message));
    }

    /// Takes a control message: for the running tasks that its task id names, or, without one, an offer.
    ///
    /// Returns as soon as the message lies in the mailboxes of its tasks, or its offer was accepted or refused. The
    /// handler of an offer runs on the calling thread.
    pub fn handle_control(&self, message: Box<dyn Message>) {
        self.shared.call(|shared| shared.handle_control(message));
    }

    /// Asks every task that declined before to expand into spare slots, if there are any, without waiting for the
    /// expansion period.
    pub fn expand_tasks(&self) {
        self.shared.event(Event::ExpandNow);
    }

    /// What runs in the slots now. It costs time in proportion to the number of tasks, during which requests wait: so
    /// once a second is fine, and once a millisecond is not.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.call(|shared| shared.desk.snapshot(shared.now(), shared.reaper.outcome()))
    }

    /// How many more requests would be given a slot now, though some might have to wait for a victim.
    pub fn available(&self) -> usize {
        self.shared.call(|shared| shared.desk.available())
    }

    /// False while more slots are wedged than [`max_wedged_slots`](ServerBuilder::max_wedged_slots) allows: then the
    /// process is better replaced. It goes on serving as well as it can.
    pub fn is_healthy(&self) -> bool {
        self.shared.call(|shared| shared.desk.is_healthy())
    }

    /// Takes no new requests and offers from here on, and stops nothing. For good: only a shutdown follows.
    pub fn drain(&self) {
        self.shared.event(Event::Drain);
    }

    /// Shuts down: refuses what comes, hands back what waits, stops unprotected tasks at once and protected ones after
    /// the grace period, whose requests go to other servers. Returns when every task has ended or was given up, and all
    /// settlements are through: at the latest after the grace period, the kill timeout, and the kill timeout once more
    /// for the settlements.
    ///
    /// A second call only shortens the grace, and `Duration::ZERO` ends it.
    ///
    /// # Cancel safety
    ///
    /// Once polled the shutdown goes on, whether it is awaited or not.
    pub async fn shutdown(&self, grace: Duration) -> ShutdownReport {
        let shared = &self.shared;
        shared.event(Event::ShutDown { grace });
        shared.closed.cancelled().await;
        shared.settlements.close();
        let flush = tokio::time::timeout(shared.settings.scheduler.kill_timeout, shared.settlements.wait());
        let unsettled = if flush.await.is_err() { shared.settlements.len() } else { 0 };
        let wedged = self.snapshot().tasks;
        ShutdownReport { wedged, unsettled }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("name", &self.shared.settings.name).finish_non_exhaustive()
    }
}

/// What a shutdown could not bring to an end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Tasks that were told to stop and still run. Their requests have been handed back.
    pub wedged: Vec<TaskSnapshot>,
    /// Settlements that the broker hasn't answered yet. Their messages may be delivered again.
    pub unsettled: usize,
}

impl ShutdownReport {
    /// True if everything has come to its end.
    pub fn is_clean(&self) -> bool {
        self.wedged.is_empty() && self.unsettled == 0
    }
}
