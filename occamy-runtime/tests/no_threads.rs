//! A system that gives no threads: what needs one fails, and the server lives.
//!
//! The program runs itself again, with stacks so large that no thread can be started.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use occamy_core::{
    AsyncTask, BoxFuture, BoxTask, Error, ErrorKind, Headers, Observation, RecordingMonitor, Task,
    TaskContext, TaskDetails, TestMessage, Verdict, handler_fn,
};
use occamy_runtime::Server;

const STACK: &str = "RUST_MIN_STACK";

fn main() {
    // Elsewhere a stack may be taken for what it is asked to be.
    if !cfg!(target_os = "linux") {
        return;
    }
    if std::env::var_os(STACK).is_some_and(|size| size == HUGE) {
        assert!(std::thread::Builder::new().spawn(|| ()).is_err(), "there are no threads to be had");
        return without_threads();
    }
    let program = std::env::current_exe().expect("a running program has a path");
    let status = std::process::Command::new(program).env(STACK, HUGE).status().expect("it can be run again");
    assert!(status.success(), "{status}");
}

/// 2^50 bytes: more than a process can address.
const HUGE: &str = "1125899906842624";

/// Expands, and listens, if only somebody came.
struct Master;

static CALLS: AtomicUsize = AtomicUsize::new(0);

impl AsyncTask for Master {
    fn details(&self) -> TaskDetails {
        TaskDetails::new("master")
    }

    fn run<'a>(&'a self, cx: &'a TaskContext) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async {
            cx.stopped().await;
            Ok(())
        })
    }

    fn expand(&self, _: usize) -> Vec<BoxTask> {
        CALLS.fetch_add(1, Ordering::Relaxed);
        Vec::new()
    }

    fn handle(&self, _: &TaskContext, _: &Headers, _: &Bytes) -> Result<(), Error> {
        CALLS.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

struct Compute;

impl Task for Compute {
    fn details(&self) -> TaskDetails {
        TaskDetails::default()
    }

    fn run(&self, _: &TaskContext) -> Result<(), Error> {
        Ok(())
    }
}

fn without_threads() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("it needs no thread").block_on(async {
        let monitor = RecordingMonitor::new();
        let handler =
            handler_fn(|_, body| Ok(if body.is_empty() { Compute.into() } else { BoxTask::future(Master) }));
        let server =
            Server::builder(handler).slots(2).monitor(monitor.clone()).build().expect("it makes sense");

        let master = TestMessage::new(Headers::new(), "master");
        let master_settled = master.settled();
        server.handle_request(Box::new(master));
        // Time to be polled.
        tokio::task::yield_now().await;
        let control = TestMessage::new(Headers::new().with("task-id", "master"), "");
        let control_settled = control.settled();
        server.handle_control(Box::new(control));
        assert_eq!(control_settled.verdict(), Some(&Verdict::Done));
        assert_eq!(CALLS.load(Ordering::Relaxed), 0);

        for _ in 0..3 {
            let compute = TestMessage::new(Headers::new(), "");
            let settled = compute.settled();
            server.handle_request(Box::new(compute));
            assert_eq!(settled.verdict(), Some(&Verdict::Busy), "handed back, and no attempt is counted");
            assert_eq!(server.available(), 1, "no slot is lost");
        }
        let of_the_system = |error: &Error| {
            let source = std::error::Error::source(error);
            error.kind() == ErrorKind::TaskNotAdded
                && source.is_some_and(|source| source.is::<std::io::Error>())
        };
        let errors = |o: &Observation| matches!(o, Observation::Failed { error, .. } if of_the_system(error));
        assert_eq!(
            monitor.observations().iter().filter(|o| errors(o)).count(),
            3,
            "a thread is tried for each time"
        );

        // No slot is kept for the answer of a task that could not be asked.
        let offer = TestMessage::new(Headers::new(), "master");
        server.handle_control(Box::new(offer));
        assert_eq!(server.snapshot().tasks.len(), 2);

        assert!(server.shutdown(Duration::ZERO).await.is_clean());
        assert_eq!(master_settled.verdict(), Some(&Verdict::Done));
    });
}
