//! A server with everything around it that a test needs: tasks made of closures, messages that remember their
//! verdicts, and a monitor that remembers everything.
#![allow(
    clippy::unwrap_used,
    dead_code,
    missing_debug_implementations,
    unreachable_pub,
    unused_imports,
    reason = "it is test code, and each test program uses its own part"
)]

mod act;
mod bell;
mod letter;

pub use act::{Act, Count, Gate, Log};
pub use bell::Bell;
pub use letter::{Letter, Receipt, Settling};

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use occamy_core::{
    BoxTask, Error, ErrorKind, Headers, Monitor, Observation, RecordingMonitor, SlotStatus, TaskContext,
    Verdict, handler_fn,
};
use occamy_runtime::{Server, ServerBuilder};

/// Names the task that the handler is to make of a message.
const ACT: &str = "act";

/// A server, and what a test needs to talk to it.
pub struct World {
    pub server: Server,
    pub bell: Bell,
    /// How many messages the handler was called with.
    pub handled: Count,
    letters: Count,
    seen: Seen,
    acts: Acts,
}

#[derive(Clone, Default)]
struct Acts(Arc<Mutex<HashMap<i64, BoxTask>>>);

/// A monitor that remembers everything, and calls a hook.
#[derive(Clone, Default)]
struct Seen {
    observations: RecordingMonitor,
    hook: Arc<Mutex<Option<Arc<Hook>>>>,
    bell: Bell,
}

type Hook = dyn Fn(&Observation) + Send + Sync;

impl World {
    /// With this many slots, and defaults otherwise.
    pub fn new(slots: usize) -> Self {
        Self::with(slots, |builder| builder)
    }

    pub fn with(slots: usize, settings: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        let (bell, acts) = (Bell::default(), Acts::default());
        let seen = Seen { bell: bell.clone(), ..Seen::default() };
        let handled = Count::new(&bell);
        let handler = handler_fn({
            let (acts, handled) = (acts.clone(), handled.clone());
            move |headers, _| {
                handled.up();
                let act = acts.0.lock().unwrap().remove(&headers.integer(ACT)?);
                act.ok_or_else(|| Error::new(ErrorKind::InvalidTask, "no such act"))
            }
        });
        let builder = Server::builder(handler).slots(slots).monitor(seen.clone());
        let server = settings(builder).build().unwrap();
        let letters = Count::new(&bell);
        Self { server, bell, handled, letters, seen, acts }
    }

    /// A letter that the handler turns into this task.
    pub fn letter(&self, act: impl Into<BoxTask>) -> Letter {
        let mut acts = self.acts.0.lock().unwrap();
        let number = i64::try_from(self.letters.up()).unwrap();
        acts.insert(number, act.into());
        Letter::new(&self.bell, Headers::new().with(ACT, number))
    }

    pub fn send_request(&self, letter: Letter) -> Receipt {
        let receipt = letter.receipt();
        self.server.handle_request(Box::new(letter));
        receipt
    }

    pub fn send_control(&self, letter: Letter) -> Receipt {
        let receipt = letter.receipt();
        self.server.handle_control(Box::new(letter));
        receipt
    }

    pub fn request(&self, act: impl Into<BoxTask>) -> Receipt {
        self.send_request(self.letter(act))
    }

    pub fn offer(&self, act: impl Into<BoxTask>) -> Receipt {
        self.send_control(self.letter(act))
    }

    /// A control message for the tasks of this id.
    pub fn control(&self, id: &str, body: &str) -> Receipt {
        let letter = Letter::new(&self.bell, Headers::new().with("task-id", id)).with_body(body.to_owned());
        self.send_control(letter)
    }

    /// Waits until a condition holds. A paused clock stands still meanwhile.
    pub async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        self.bell.until(what, condition).await;
    }

    /// Has this called with each observation from here on, as a monitor is.
    pub fn on_observation(&self, hook: impl Fn(&Observation) + Send + Sync + 'static) {
        *self.seen.hook.lock().unwrap() = Some(Arc::new(hook));
    }

    pub fn observations(&self) -> Vec<Observation> {
        self.seen.observations.observations()
    }

    /// How many observations are of this kind.
    pub fn count(&self, of_this_kind: impl Fn(&Observation) -> bool) -> usize {
        self.observations().iter().filter(|observation| of_this_kind(observation)).count()
    }

    /// The kinds of all errors recorded so far.
    pub fn errors(&self) -> Vec<ErrorKind> {
        self.recorded().iter().map(Error::kind).collect()
    }

    /// All errors recorded so far.
    pub fn recorded(&self) -> Vec<Error> {
        let failures = self.observations().into_iter().filter_map(|observation| match observation {
            Observation::Failed { error, .. } => Some(error),
            _ => None,
        });
        failures.collect()
    }

    /// How long the tasks of a group waited for their starts.
    pub fn waits(&self, of: &str) -> Vec<Duration> {
        let starts = self.observations().into_iter().filter_map(|observation| match observation {
            Observation::Started { group, wait, .. } if &*group == of => Some(wait),
            _ => None,
        });
        starts.collect()
    }

    /// How many tasks of a group run now.
    pub fn running(&self, group: &str) -> usize {
        self.server.snapshot().tasks.iter().filter(|task| &*task.group == group).count()
    }

    /// How often tasks of a group have started.
    pub fn starts(&self, group: &str) -> usize {
        self.waits(group).len()
    }

    /// How many slots are used like this.
    pub fn slots(&self, status: SlotStatus) -> usize {
        self.server.snapshot().usage.with_status(status)
    }

    /// A task that is Ok at once.
    pub fn brief(&self, id: &str) -> BoxTask {
        Act::new(id).run(|_| async { Ok(()) })
    }
}

impl Monitor for Seen {
    fn record(&self, observation: &Observation) {
        self.observations.record(observation);
        self.bell.ring();
        let hook = self.hook.lock().unwrap().clone();
        if let Some(hook) = hook {
            hook(observation);
        }
    }
}

/// Is true of one of several kinds of verdict.
pub fn is_failed(verdict: &Verdict, kind: ErrorKind) -> bool {
    matches!(verdict, Verdict::Failed(error) if error.kind() == kind)
}
