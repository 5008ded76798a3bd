use std::task::{Context, Poll, Waker};

use super::*;

/// A host that can't wait: enough to test what core itself does.
pub(crate) struct TestHost {
    info: TaskInfo,
    expansions: AtomicBool,
}

impl TestHost {
    pub(crate) fn context() -> (TaskContext, StopFlag) {
        let (cx, stop, _) = Self::with_host();
        (cx, stop)
    }

    fn with_host() -> (TaskContext, StopFlag, Arc<Self>) {
        let details = TaskDetails::new("a").group("b");
        let info = TaskInfo::new(&details, SlotStatus::Protected, SlotId(3), 2);
        let (stop, host) = (StopFlag::new(), Arc::new(Self { info, expansions: AtomicBool::new(false) }));
        (TaskContext::new(stop.clone(), Arc::clone(&host) as Arc<dyn TaskHost>), stop, host)
    }
}

impl TaskHost for TestHost {
    fn info(&self) -> &TaskInfo {
        &self.info
    }

    fn stopped(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }

    fn wait_stopped(&self, _: Duration) -> bool {
        false
    }

    fn lease_lost(&self) -> bool {
        false
    }

    fn request_expansion(&self) {
        self.expansions.store(true, Ordering::Relaxed);
    }
}

fn poll(mut future: BoxFuture<'static, ()>) -> Poll<()> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_stop_is_seen_by_every_clone_and_stays() {
    let (cx, stop) = TestHost::context();
    let clone = cx.clone();
    assert_eq!((cx.check(), clone.is_stopped()), (Ok(()), false));
    assert!(stop.stop());
    assert!(!stop.stop(), "only the first stop counts");
    assert_eq!((cx.check(), clone.is_stopped()), (Err(Error::interrupted()), true));
}

#[test]
fn waiting_is_left_to_the_host_until_the_stop_and_takes_no_time_after_it() {
    let (cx, stop) = TestHost::context();
    assert!(poll(cx.stopped()).is_pending());
    assert!(!cx.wait_stopped(Duration::ZERO));
    stop.stop();
    assert!(poll(cx.stopped()).is_ready());
    assert!(cx.wait_stopped(Duration::MAX));
}

#[test]
fn a_context_tells_what_it_was_started_with() {
    let (cx, _, host) = TestHost::with_host();
    assert_eq!((cx.id(), cx.group(), cx.attempt()), ("a", "b", 2));
    assert_eq!((cx.status(), cx.slot(), cx.lease_lost()), (SlotStatus::Protected, SlotId(3), false));
    cx.request_expansion();
    assert!(host.expansions.load(Ordering::Relaxed));
}

#[test]
fn a_context_can_go_to_any_thread() {
    fn assert<T: Clone + Send + Sync + 'static>() {}
    assert::<TaskContext>();
    assert::<crate::BoxTask>();
}
