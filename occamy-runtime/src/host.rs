//! One run of a task, as its context sees it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use event_listener::{Event, Listener};
use occamy_core::{BoxFuture, StopFlag, TaskContext, TaskHost, TaskInfo, TraceContext};
use tracing::Span;

use crate::alarm::Alarm;
use crate::lineage::Lineage;

/// What is behind the context of one run.
#[derive(Debug)]
pub(crate) struct Host {
    info: TaskInfo,
    stop: StopFlag,
    stopped: Event,
    lease_lost: Arc<AtomicBool>,
    alarm: Arc<Alarm>,
    lowering: OnceLock<Lowering>,
    lineage: Arc<Lineage>,
    begun: OnceLock<Begun>,
}

/// What there is of a run from its first span on.
#[derive(Debug)]
struct Begun {
    /// Until the run takes it: nobody else is to keep it open.
    span: Mutex<Option<Span>>,
    trace: Option<TraceContext>,
}

/// How to lower the priority of whatever runs a task.
struct Lowering(Box<dyn Fn() + Send + Sync>);

impl Host {
    pub(crate) fn new(
        info: TaskInfo,
        lineage: Arc<Lineage>,
        lease_lost: Arc<AtomicBool>,
        alarm: Arc<Alarm>,
    ) -> Arc<Self> {
        Arc::new(Self {
            info,
            stop: StopFlag::new(),
            stopped: Event::new(),
            lease_lost,
            alarm,
            lowering: OnceLock::new(),
            lineage,
            begun: OnceLock::new(),
        })
    }

    pub(crate) fn context(self: &Arc<Self>) -> TaskContext {
        TaskContext::new(self.stop.clone(), Arc::clone(self) as Arc<dyn TaskHost>)
    }

    pub(crate) fn task_info(&self) -> &TaskInfo {
        &self.info
    }

    pub(crate) fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// Makes the span of the run, and finds its place in a trace, unless that was done.
    pub(crate) fn begin(&self, make: impl FnOnce(&Lineage) -> (Span, Option<TraceContext>)) {
        self.begun.get_or_init(|| {
            let (span, trace) = make(&self.lineage);
            Begun { span: Mutex::new(Some(span)), trace }
        });
    }

    /// The span of the run, for whoever runs it.
    pub(crate) fn take_span(&self) -> Span {
        let span = self.begun.get().map(|begun| &begun.span);
        let span = span.and_then(|span| span.lock().unwrap_or_else(PoisonError::into_inner).take());
        span.unwrap_or_else(Span::none)
    }

    /// The place in a trace of what the task sends.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        let begun = self.begun.get().map(|begun| &begun.trace);
        begun.unwrap_or(&self.lineage.trace).clone()
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

    fn trace_context(&self) -> Option<TraceContext> {
        self.trace()
    }

    fn request_expansion(&self) {
        // A task that was told to stop is asked for nothing any more. And its thread may have been lowered, which must not
        // take a lock that the timekeeper takes.
        if !self.is_stopped() {
            self.alarm.expand_soon();
        }
    }
}
