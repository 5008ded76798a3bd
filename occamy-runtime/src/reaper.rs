//! The thread that has others lowered in priority, and speaks for those that were.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, OnceLock};
use std::thread;

use tokio::runtime::Handle;

use crate::IdlePriority;
use crate::sync::{Mutex, lock, mpsc};

/// Starts its thread when there is something to do first: so that is not started by one that was lowered, whose
/// priority it would have.
///
/// Its thread does nothing but start others, one for each chore. A chore may call the user's code, a handler or a monitor,
/// which may take its time, or wait for a lowered thread that has a chore itself. And lowering a thread changes the nice
/// value of the one that does it, which everything that it starts would have.
#[derive(Debug)]
pub(crate) struct Reaper {
    server: Arc<str>,
    /// For the clock, and for users who spawn futures.
    runtime: Handle,
    /// `None` if there is no thread to be had.
    chores: OnceLock<Option<mpsc::Sender<Chore>>>,
    outcome: Mutex<IdlePriority>,
}

type Chore = Box<dyn FnOnce() + Send>;

impl Reaper {
    pub(crate) fn new(server: Arc<str>, runtime: Handle, lowers: bool) -> Self {
        let outcome = if lowers { IdlePriority::Untried } else { IdlePriority::Off };
        Self { server, runtime, chores: OnceLock::new(), outcome: Mutex::new(outcome) }
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
        let chores = self.chores.get_or_init(|| match start(&self.server, self.runtime.clone()) {
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
            let _ = answer.send(catch_unwind(AssertUnwindSafe(code)));
        });
        match answered.recv().expect("every chore is done") {
            Ok(value) => value,
            // Of the user's, whom it is to reach.
            Err(panic) => resume_unwind(panic),
        }
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

fn start(server: &str, runtime: Handle) -> io::Result<mpsc::Sender<Chore>> {
    let (sender, chores) = mpsc::channel::<Chore>();
    let name = format!("{server}-reaper");
    thread::Builder::new().name(name.clone()).spawn(move || {
        for chore in chores {
            let (once, other) = (Arc::new(Mutex::new(Some(chore))), runtime.clone());
            let chore = Arc::clone(&once);
            let started = thread::Builder::new().name(name.clone()).spawn(move || carry_out(&chore, &other));
            if started.is_err() {
                // There is no thread to be had: better here than never.
                carry_out(&once, &runtime);
            }
        }
    })?;
    Ok(sender)
}

fn carry_out(chore: &Mutex<Option<Chore>>, runtime: &Handle) {
    let _context = runtime.enter();
    let chore = lock(chore).take();
    if let Some(chore) = chore {
        // A panic has been printed by then, and there is nobody to tell.
        let _ = catch_unwind(AssertUnwindSafe(chore));
    }
}
