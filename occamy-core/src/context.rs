//! What a running task knows of itself, and how it learns that it has to stop.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::scheduler::SlotId;
use crate::{BoxFuture, Error, Headers, SlotStatus, TaskDetails, TraceContext};

/// What a running task knows of itself, and how it learns that it has to stop.
///
/// Given to [`run`](crate::Task::run) and [`handle`](crate::Task::handle). A clone is cheap, and stays valid after the
/// task has ended: hand one to each thread that a task starts.
///
/// Only a runtime makes one, because waiting for a stop takes threads or wakers, which this crate has none of: for unit
/// tests of tasks see the test support of `occamy-runtime`.
#[derive(Clone)]
pub struct TaskContext {
    stop: StopFlag,
    host: Arc<dyn TaskHost>,
}

impl TaskContext {
    /// The context of a task that is stopped by this flag and hosted by this runtime.
    pub fn new(stop: StopFlag, host: Arc<dyn TaskHost>) -> Self {
        Self { stop, host }
    }

    /// `Ok` until the task is told to stop. To be called in every loop, with a question mark.
    ///
    /// It takes one atomic load, so once a microsecond is not too often.
    ///
    /// # Errors
    ///
    /// [`Error::interrupted`], from the moment of the stop on.
    #[inline]
    pub fn check(&self) -> Result<(), Error> {
        if self.stop.is_stopped() { Err(Error::interrupted()) } else { Ok(()) }
    }

    /// True once the task was told to stop. Takes one atomic load.
    #[inline]
    pub fn is_stopped(&self) -> bool {
        self.stop.is_stopped()
    }

    /// Resolves when the task is told to stop, at once if it was. Borrows nothing, so it can be moved elsewhere.
    ///
    /// # Cancel safety
    ///
    /// Safe to drop and to call again: a stop is never missed.
    pub fn stopped(&self) -> BoxFuture<'static, ()> {
        if self.is_stopped() { Box::pin(std::future::ready(())) } else { self.host.stopped() }
    }

    /// Blocks the calling thread until the task is told to stop, or until `timeout` has passed. True if it was told to
    /// stop: made for `while !cx.wait_stopped(pause) { .. }`.
    ///
    /// Not for futures, which have [`stopped`](Self::stopped).
    pub fn wait_stopped(&self, timeout: Duration) -> bool {
        self.is_stopped() || self.host.wait_stopped(timeout)
    }

    /// Asks the server to expand its tasks soon, this one among them: for a task that has just found work to share. It
    /// returns at once, and asking twice is as good as asking once.
    pub fn request_expansion(&self) {
        self.host.request_expansion();
    }

    /// True if the broker has handed this task's message to another server as well, as far as it can tell. What both
    /// would write should then be written by neither, or be safe to write twice. Takes no time worth counting.
    pub fn lease_lost(&self) -> bool {
        self.host.lease_lost()
    }

    /// Which attempt at its request this is: 1 the first time, and always for assistants.
    pub fn attempt(&self) -> u32 {
        self.host.info().attempt
    }

    /// The task's id: see [`TaskDetails::id`].
    pub fn id(&self) -> &str {
        &self.host.info().id
    }

    /// The task's group: see [`TaskDetails::group`].
    pub fn group(&self) -> &str {
        &self.host.info().group
    }

    /// What the task runs as: protected, or as which of the two unprotected ones.
    pub fn status(&self) -> SlotStatus {
        self.host.info().status
    }

    /// The task's place in a trace, for what it sends. `None` if it belongs to no trace.
    ///
    /// That is the task's own span where the server was built to tell of its spans. Otherwise it is what the message said that the
    /// task was made of; of an assistant, what its creator has.
    pub fn trace_context(&self) -> Option<TraceContext> {
        self.host.trace_context()
    }

    /// The headers of a message that this task sends: those given, and the task's [place in a trace](Self::trace_context),
    /// so that what others do for it belongs to the same trace. Without one they stay as they are.
    ///
    /// ```
    /// # use occamy_core::{Error, Headers, TaskContext, transport::Publisher};
    /// # fn offer(cx: &TaskContext, publisher: &dyn Publisher) -> Result<(), Error> {
    /// publisher.try_control(cx.traced(Headers::new().with("part", 7)), "".into())?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn traced(&self, headers: Headers) -> Headers {
        match self.trace_context() {
            Some(trace) => trace.put_on(headers),
            None => headers,
        }
    }

    /// The slot in which it was started.
    pub fn slot(&self) -> SlotId {
        self.host.info().slot
    }
}

impl fmt::Debug for TaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskContext")
            .field("info", self.host.info())
            .field("stopped", &self.is_stopped())
            .finish_non_exhaustive()
    }
}

/// One run of a task, as the runtime sees it: what is behind a [`TaskContext`].
///
/// Implemented by a runtime, once for each run of a task. Users of a runtime have no need of it.
pub trait TaskHost: Send + Sync + 'static {
    /// What is known of this run from its start.
    fn info(&self) -> &TaskInfo;

    /// Resolves after the [`StopFlag`] was set. A runtime sets the flag first and wakes then; whoever registers looks at
    /// the flag once more, so that no stop falls in between. Cancel safe.
    fn stopped(&self) -> BoxFuture<'static, ()>;

    /// Blocks until the [`StopFlag`] was set, or until `timeout` has passed: any length, `Duration::MAX` included. True
    /// if it was set.
    fn wait_stopped(&self, timeout: Duration) -> bool;

    /// True if the lease of the message was lost. False for a task without one.
    fn lease_lost(&self) -> bool;

    /// See [`TaskContext::trace_context`]. By default a task belongs to no trace.
    fn trace_context(&self) -> Option<TraceContext> {
        None
    }

    /// Has the server expand soon. Doesn't block, and calls nothing of the user's.
    fn request_expansion(&self);
}

/// What is known of one run of a task from its start.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TaskInfo {
    /// See [`TaskContext::id`].
    pub id: Arc<str>,
    /// See [`TaskContext::group`].
    pub group: Arc<str>,
    /// See [`TaskContext::status`].
    pub status: SlotStatus,
    /// See [`TaskContext::slot`].
    pub slot: SlotId,
    /// See [`TaskContext::attempt`].
    pub attempt: u32,
}

impl TaskInfo {
    /// What is known of a task with these details that starts as this, there, on this attempt.
    pub fn new(details: &TaskDetails, status: SlotStatus, slot: SlotId, attempt: u32) -> Self {
        Self { id: Arc::clone(&details.id), group: Arc::clone(&details.group), status, slot, attempt }
    }
}

/// Tells a task to stop. Set once, never cleared; clones share it.
///
/// What was written before [`stop`](Self::stop) is seen by whoever sees the stop.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// A flag that isn't set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets it. True if it wasn't set before. Doesn't wake anybody: that is the [`TaskHost`]'s part.
    pub fn stop(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    /// True once it is set. Takes one atomic load.
    #[inline]
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

#[cfg(test)]
pub(crate) mod tests;
