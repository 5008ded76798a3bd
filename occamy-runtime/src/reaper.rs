//! The thread that lowers the priority of others, and speaks for those that were lowered.

use std::io;
use std::sync::{Arc, OnceLock};
use std::thread;

use occamy_core::ErrorKind;

use crate::IdlePriority;
use crate::caught::caught;
use crate::sync::{Mutex, lock, mpsc};

/// Starts its thread when there is something to do first: so that is not started by one that was lowered, whose
/// priority it would have.
#[derive(Debug)]
pub(crate) struct Reaper {
    server: Arc<str>,
    /// `None` if there is no thread to be had.
    chores: OnceLock<Option<mpsc::Sender<Chore>>>,
    outcome: Mutex<IdlePriority>,
}

type Chore = Box<dyn FnOnce() + Send>;

impl Reaper {
    pub(crate) fn new(server: Arc<str>, lowers: bool) -> Self {
        let outcome = if lowers { IdlePriority::Untried } else { IdlePriority::Off };
        Self { server, chores: OnceLock::new(), outcome: Mutex::new(outcome) }
    }

    /// What the system made of lowering threads.
    pub(crate) fn outcome(&self) -> IdlePriority {
        *lock(&self.outcome)
    }

    /// True if the server was built to lower threads.
    pub(crate) fn lowers(&self) -> bool {
        self.outcome() != IdlePriority::Off
    }

    /// Has something done, some time, if there is a thread to be had.
    pub(crate) fn have(&self, chore: impl FnOnce() + Send + 'static) {
        let chores = self.chores.get_or_init(|| match start(&self.server) {
            Ok(chores) => Some(chores),
            Err(error) => {
                self.note(Err(error));
                None
            }
        });
        if let Some(chores) = chores {
            // It receives as long as there is a sender.
            let _ = chores.send(Box::new(chore));
        }
    }

    /// Has something done and waits for it. Only for a thread that was lowered, which is proof that there is a reaper.
    pub(crate) fn run<T: Send + 'static>(&self, code: impl FnOnce() -> T + Send + 'static) -> T {
        let (answer, answered) = mpsc::sync_channel(1);
        self.have(move || {
            // Who asked is waiting, so it is there to receive.
            let _ = answer.send(code());
        });
        answered.recv().expect("the server's own code does not panic")
    }

    /// Takes note of what came of lowering a thread. What it is the first time is logged.
    pub(crate) fn note(&self, outcome: io::Result<IdlePriority>) {
        let now = *outcome.as_ref().unwrap_or(&IdlePriority::Refused);
        if std::mem::replace(&mut *lock(&self.outcome), now) == now {
            return;
        }
        let server = &self.server;
        match outcome {
            Ok(_) => tracing::info!(
                %server, priority = now.as_str(),
                "threads that nobody waits for are lowered to this priority"
            ),
            Err(error) => tracing::warn!(
                %server, %error,
                "threads that nobody waits for can't be lowered in priority: they compete with the tasks in the slots"
            ),
        }
    }
}

fn start(server: &str) -> io::Result<mpsc::Sender<Chore>> {
    let (sender, chores) = mpsc::channel::<Chore>();
    thread::Builder::new().name(format!("{server}-reaper")).spawn(move || {
        for chore in chores {
            if let Err(error) = caught(ErrorKind::InternalHandler, chore) {
                tracing::error!(%error, "something panicked that was done for a thread of low priority");
            }
        }
    })?;
    Ok(sender)
}
