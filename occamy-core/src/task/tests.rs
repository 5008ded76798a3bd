use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::*;
use crate::context::tests::TestHost;
use crate::{ErrorKind, Value};

#[derive(Default)]
struct Counting {
    runs: Arc<AtomicUsize>,
}

impl Task for Counting {
    fn details(&self) -> TaskDetails {
        TaskDetails::new("a").group("counting")
    }

    fn run(&self, cx: &TaskContext) -> Result<(), Error> {
        cx.check()?;
        self.runs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn expand(&self, limit: usize) -> Vec<BoxTask> {
        (0..limit).map(|_| Self { runs: Arc::clone(&self.runs) }.into()).collect()
    }

    fn handle(&self, _: &TaskContext, headers: &Headers, _: &Bytes) -> Result<(), Error> {
        headers.string("word").map(drop)
    }
}

struct Waiting;

impl AsyncTask for Waiting {
    fn details(&self) -> TaskDetails {
        TaskDetails::default()
    }

    fn run<'a>(&'a self, cx: &'a TaskContext) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { cx.check() })
    }
}

#[test]
fn a_boxed_task_can_be_run_again_and_its_clone_is_the_same_task() {
    let runs = Arc::new(AtomicUsize::new(0));
    let task = BoxTask::from(Counting { runs: Arc::clone(&runs) });
    let (cx, stop) = TestHost::context();
    for task in [task.clone(), task.clone()] {
        let TaskKind::Compute(task) = task.kind() else { panic!("it computes") };
        assert_eq!(task.run(&cx), Ok(()));
    }
    assert_eq!(runs.load(Ordering::Relaxed), 2);
    stop.stop();
    let TaskKind::Compute(task) = task.kind() else { panic!("it computes") };
    assert_eq!(task.run(&cx), Err(Error::interrupted()));
}

#[test]
fn a_boxed_task_hands_on_the_rest() {
    let task = BoxTask::from(Counting::default());
    assert_eq!(&*task.details().group, "counting");
    assert_eq!(task.expand(3).len(), 3);
    let (cx, _) = TestHost::context();
    assert_eq!(task.handle(&cx, &Headers::new().with("word", "go"), &Bytes::new()), Ok(()));
    let error = task
        .handle(&cx, &Headers::new().with("word", Value::Null), &Bytes::new())
        .expect_err("null is no word");
    assert_eq!(error.kind(), ErrorKind::InvalidHeaders);
}

#[test]
fn an_async_task_becomes_a_future_that_owns_it() {
    let (cx, _) = TestHost::context();
    let TaskKind::Async(task) = BoxTask::future(Waiting).kind().clone() else { panic!("it awaits") };
    let mut future: BoxFuture<'static, _> = Box::pin(async move { task.run(&cx).await });
    let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(polled, Poll::Ready(Ok(())));
}

#[test]
fn a_task_that_says_nothing_neither_expands_nor_minds_control_messages() {
    let task = BoxTask::future(Waiting);
    let (cx, _) = TestHost::context();
    assert!(task.expand(8).is_empty());
    assert_eq!(task.handle(&cx, &Headers::new(), &Bytes::new()), Ok(()));
    assert_eq!(format!("{task:?}"), "BoxTask(Async)");
}

#[test]
fn details_have_the_documented_defaults() {
    let details = TaskDetails::new("a");
    assert_eq!((&*details.id, &*details.group), ("a", TaskDetails::NO_GROUP));
    assert_eq!((details.deadline, details.max_run), (None, None));
    assert_eq!(details.weight, NonZeroU32::MIN);
    assert_eq!(details.max_run(Duration::from_secs(1)).max_run, Some(Duration::from_secs(1)));
}
