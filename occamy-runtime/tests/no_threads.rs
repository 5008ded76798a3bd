//! A system that gives no threads: what needs one fails, and the server lives. And one that gives none for a while.
//!
//! The program runs itself again, with stacks so large that no thread can be started, or only while it may have the memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
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
    match std::env::var(STACK).as_deref() {
        Ok(HUGE) => {
            assert!(std::thread::Builder::new().spawn(|| ()).is_err(), "there are no threads to be had");
            return without_threads();
        }
        Ok(LARGE) => {
            #[cfg(target_os = "linux")]
            short_of_threads(std::env::args().any(|argument| argument == BUSY));
            return;
        }
        _ => {}
    }
    let program = std::env::current_exe().expect("a running program has a path");
    for (size, arguments) in [(HUGE, &[][..]), (LARGE, &[]), (LARGE, &[BUSY])] {
        let mut again = std::process::Command::new(&program);
        // Tokio panics without a thread, and there is no memory for the trace of a panic: a process hangs that fails at it.
        again.env(STACK, size).env("RUST_BACKTRACE", "0").args(arguments);
        let status = again.status().expect("it can be run again");
        assert!(status.success(), "{status}");
    }
}

/// 2^50 bytes: more than a process can address.
const HUGE: &str = "1125899906842624";

/// 64 MiB: a process does without so much for a while.
const LARGE: &str = "67108864";

/// A thread is at a slow call.
const BUSY: &str = "busy";

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

/// Tells which message it hears, and is slow with the first until it may go on.
struct Listener {
    id: &'static str,
    heard: Sender<&'static str>,
    slow: Option<Mutex<Receiver<()>>>,
}

impl AsyncTask for Listener {
    fn details(&self) -> TaskDetails {
        TaskDetails::new(self.id)
    }

    fn run<'a>(&'a self, cx: &'a TaskContext) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async {
            cx.stopped().await;
            Ok(())
        })
    }

    fn handle(&self, _: &TaskContext, _: &Headers, _: &Bytes) -> Result<(), Error> {
        self.heard.send(self.id).map_err(Error::other)?;
        if let Some(slow) = &self.slow {
            let _ = slow.lock().unwrap_or_else(PoisonError::into_inner).recv();
        }
        Ok(())
    }
}

/// A thread could not be started for a message, where there was none, or one at a slow call. When threads can be had again
/// the message is handled, though nothing else happens.
#[cfg(target_os = "linux")]
fn short_of_threads(another_is_busy: bool) {
    use rustix::process::{Resource, getrlimit, setrlimit};

    /// Real time. Only a test that fails takes so long.
    const PATIENCE: Duration = Duration::from_secs(30);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("it needs no thread").block_on(async {
        let (heard, hears) = mpsc::channel();
        let (goes_on, slow) = mpsc::channel();
        let slow = Mutex::new(Some(Mutex::new(slow)));
        let handler = handler_fn(move |_, body| {
            let id = if body == "slow" { "slow" } else { "quick" };
            let slow = slow.lock().unwrap_or_else(PoisonError::into_inner).take();
            Ok(BoxTask::future(Listener { id, heard: heard.clone(), slow }))
        });
        // Nobody is to be asked for assistants: that takes a thread, too.
        let server = Server::builder(handler).slots(3).expansion_slot_buffer(2).build();
        let server = server.expect("it makes sense");
        for id in ["slow", "quick"] {
            server.handle_request(Box::new(TestMessage::new(Headers::new(), id)));
        }
        let control =
            |id| server.handle_control(Box::new(TestMessage::new(Headers::new().with("task-id", id), "")));
        if another_is_busy {
            control("slow");
            assert_eq!(hears.recv_timeout(PATIENCE), Ok("slow"));
        }

        let unlimited = getrlimit(Resource::As);
        let mut limited = getrlimit(Resource::As);
        limited.current = Some(address_space() + (32 << 20));
        setrlimit(Resource::As, limited).expect("a limit can be lowered");
        assert!(std::thread::Builder::new().spawn(|| ()).is_err(), "there are no threads to be had");
        control("quick");
        setrlimit(Resource::As, unlimited).expect("a soft limit can be raised again");
        assert!(hears.try_recv().is_err(), "there was no thread for it");

        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(hears.recv_timeout(PATIENCE), Ok("quick"), "it is tried again");
        drop(goes_on);
        assert!(server.shutdown(Duration::ZERO).await.is_clean());
    });
}

/// How many bytes of addresses the process has taken.
#[cfg(target_os = "linux")]
fn address_space() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")?.trim().strip_suffix(" kB"));
    let kibibytes: u64 = size.and_then(|size| size.parse().ok()).expect("it is a number");
    kibibytes << 10
}
