//! One run of a task, as its context sees it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use event_listener::{Event, Listener};
use occamy_core::{BoxFuture, StopFlag, TaskContext, TaskHost, TaskInfo};

use crate::alarm::Alarm;

/// What is behind the context of one run.
#[derive(Debug)]
pub(crate) struct Host {
    info: TaskInfo,
    stop: StopFlag,
    stopped: Event,
    lease_lost: Arc<AtomicBool>,
    alarm: Arc<Alarm>,
    lowering: OnceLock<Lowering>,
}

/// How to lower the priority of whatever runs a task.
struct Lowering(Box<dyn Fn() + Send + Sync>);

impl Host {
    pub(crate) fn new(info: TaskInfo, lease_lost: Arc<AtomicBool>, alarm: Arc<Alarm>) -> Arc<Self> {
        Arc::new(Self {
            info,
            stop: StopFlag::new(),
            stopped: Event::new(),
            lease_lost,
            alarm,
            lowering: OnceLock::new(),
        })
    }

    pub(crate) fn context(self: &Arc<Self>) -> TaskContext {
        TaskContext::new(self.stop.clone(), Arc::clone(self) as Arc<dyn TaskHost>)
    }

    /// Sets the flag, and nothing else: allowed under a lock.
    pub(crate) fn stop(&self) {
        self.stop.stop();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_stopped()
    }

    /// Wakes whoever waits for the stop. May run code of whoever polls such a future, so never under a lock.
    pub(crate) fn wake(&self) {
        self.stopped.notify(usize::MAX);
    }

    /// Whoever runs the task tells how its priority is lowered, before it looks at the stop.
    pub(crate) fn lowered_by(&self, lower: impl Fn() + Send + Sync + 'static) {
        let first = self.lowering.set(Lowering(Box::new(lower)));
        debug_assert!(first.is_ok(), "a task is run once a host");
    }

    /// Nobody waits for the end of this run any more. One that has not begun is stopped, and will not.
    pub(crate) fn lower(&self) {
        if let Some(Lowering(lower)) = self.lowering.get() {
            lower();
        }
    }
}

impl fmt::Debug for Lowering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lowering").finish_non_exhaustive()
    }
}

impl TaskHost for Host {
    fn info(&self) -> &TaskInfo {
        &self.info
    }

    fn stopped(&self) -> BoxFuture<'static, ()> {
        let listener = self.stopped.listen();
        // The flag is set before the event is notified, so looking after listening misses nothing.
        if self.is_stopped() { Box::pin(std::future::ready(())) } else { Box::pin(listener) }
    }

    fn wait_stopped(&self, timeout: Duration) -> bool {
        let listener = self.stopped.listen();
        if self.is_stopped() {
            return true;
        }
        match Instant::now().checked_add(timeout) {
            Some(deadline) => drop(listener.wait_deadline(deadline)),
            None => listener.wait(),
        }
        self.is_stopped()
    }

    fn lease_lost(&self) -> bool {
        self.lease_lost.load(Ordering::Acquire)
    }

    fn request_expansion(&self) {
        // A task that was told to stop is asked for nothing any more. And its thread may have been lowered, which must not
        // take a lock that the timekeeper takes.
        if !self.is_stopped() {
            self.alarm.expand_soon();
        }
    }
}
