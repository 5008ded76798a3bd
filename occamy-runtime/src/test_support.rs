//! For unit tests of tasks: a context without a server.
//!
//! ```
//! use occamy_core::{Error, ErrorKind, Task, TaskContext, TaskDetails};
//! use occamy_runtime::test_support::TestContext;
//!
//! struct Count { to: u64 }
//!
//! impl Task for Count {
//!     fn details(&self) -> TaskDetails {
//!         TaskDetails::new("count")
//!     }
//!
//!     fn run(&self, cx: &TaskContext) -> Result<(), Error> {
//!         for _ in 0..self.to {
//!             cx.check()?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let test = TestContext::new();
//! assert_eq!(Count { to: 1_000 }.run(test.cx()), Ok(()));
//!
//! // It would count for ages, but it looks at its stop.
//! let task = Count { to: u64::MAX };
//! std::thread::scope(|scope| {
//!     let run = scope.spawn(|| task.run(test.cx()));
//!     test.stop();
//!     let error = run.join().unwrap().unwrap_err();
//!     assert_eq!(error.kind(), ErrorKind::TaskInterrupted);
//! });
//! ```

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use occamy_core::scheduler::SlotId;
use occamy_core::{SlotStatus, TaskContext, TaskDetails, TaskHost, TaskInfo, TraceContext};
use tracing::Span;

use crate::alarm::Alarm;
use crate::host::Host;
use crate::lineage::Lineage;

/// A [`TaskContext`] without a server, and what the server would do with it.
///
/// It is the context of one run, so a stop is for good: a test of a second run makes another. Wrap it in an [`Arc`] to
/// share it with a thread that outlives the test's function, and clone the context alone for the task.
///
/// Times are real ones: [`TaskContext::wait_stopped`] doesn't know of tokio's paused clock.
pub struct TestContext {
    host: Arc<Host>,
    cx: TaskContext,
    alarm: Arc<Alarm>,
    lease_lost: Arc<AtomicBool>,
}

impl TestContext {
    /// The context of a request without id and group, at its first attempt, in slot 0.
    pub fn new() -> Self {
        Self::of(&TaskDetails::default(), SlotStatus::Protected, 1)
    }

    /// The context of a task with these details that runs as this, at this attempt: 1 is the first. In slot 0.
    pub fn of(details: &TaskDetails, status: SlotStatus, attempt: u32) -> Self {
        let (alarm, lease_lost) = (Arc::new(Alarm::default()), Arc::new(AtomicBool::new(false)));
        let info = TaskInfo::new(details, status, SlotId(0), attempt);
        let lineage = Arc::new(Lineage { request_id: Arc::default(), trace: None, message: None });
        let host = Host::new(info, lineage, Arc::clone(&lease_lost), Arc::clone(&alarm));
        Self { cx: host.context(), host, alarm, lease_lost }
    }

    /// The context, to be handed to `run` and `handle`.
    pub fn cx(&self) -> &TaskContext {
        &self.cx
    }

    /// Tells the task to stop, and wakes whatever of it waits for that. A second stop changes nothing.
    pub fn stop(&self) {
        self.host.stop();
        self.host.wake();
    }

    /// Lets the task see that the lease of its message is lost.
    pub fn lose_lease(&self) {
        self.lease_lost.store(true, Ordering::Release);
    }

    /// Gives the task a place in a trace. A second one changes nothing.
    pub fn set_trace_context(&self, trace: TraceContext) {
        self.host.begin(|_| (Span::none(), Some(trace)));
    }

    /// True if the task has asked for an expansion since the last call.
    pub fn expansion_was_requested(&self) -> bool {
        self.alarm.take_wanted()
    }
}

/// As by [`new`](Self::new).
impl Default for TestContext {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestContext")
            .field("info", self.host.info())
            .field("stopped", &self.host.is_stopped())
            .field("lease_lost", &self.host.lease_lost())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;
    use occamy_core::{ErrorKind, Headers};

    use super::*;

    #[test]
    fn a_stop_is_seen_by_every_way_to_look() {
        let test = TestContext::new();
        let cx = test.cx().clone();
        assert!(cx.check().is_ok() && !cx.is_stopped() && !cx.wait_stopped(Duration::ZERO));
        let mut stopped = cx.stopped();
        assert!((&mut stopped).now_or_never().is_none());
        test.stop();
        test.stop();
        assert_eq!(cx.check().unwrap_err().kind(), ErrorKind::TaskInterrupted);
        assert!(cx.is_stopped() && cx.wait_stopped(Duration::MAX));
        assert!(stopped.now_or_never().is_some() && cx.stopped().now_or_never().is_some());
    }

    #[test]
    fn a_stop_wakes_threads_that_wait() {
        let test = TestContext::new();
        std::thread::scope(|scope| {
            let waiting = [(); 3].map(|()| scope.spawn(|| test.cx().wait_stopped(Duration::MAX)));
            test.stop();
            assert!(waiting.map(|thread| thread.join().unwrap()).iter().all(|&stopped| stopped));
        });
    }

    #[test]
    fn what_the_task_sees_is_what_the_test_says() {
        let details = TaskDetails::new("a").group("b");
        let test = TestContext::of(&details, SlotStatus::UnprotectedExternal, 3);
        let cx = test.cx();
        assert_eq!((cx.id(), cx.group(), cx.attempt()), ("a", "b", 3));
        assert_eq!((cx.status(), cx.slot()), (SlotStatus::UnprotectedExternal, SlotId(0)));
        assert!(!cx.lease_lost());
        test.lose_lease();
        assert!(cx.lease_lost());
    }

    #[test]
    fn what_the_task_sends_has_its_place_in_a_trace() {
        let test = TestContext::new();
        let headers = Headers::new().with("part", 7);
        assert_eq!(test.cx().traced(headers.clone()), headers);
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let trace = TraceContext::new(parent, None).unwrap();
        test.set_trace_context(trace.clone());
        assert_eq!(test.cx().traced(headers.clone()), trace.put_on(headers));
    }

    #[test]
    fn the_test_learns_of_an_expansion_once() {
        let test = TestContext::new();
        assert!(!test.expansion_was_requested());
        test.cx().request_expansion();
        test.cx().request_expansion();
        assert!(test.expansion_was_requested());
        assert!(!test.expansion_was_requested());
    }
}
