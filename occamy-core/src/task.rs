//! What users write: tasks that compute, tasks that await and commands, and the box that holds any of them.

mod command;
mod details;

pub use command::{CommandTask, OutputLine, OutputStream};
pub use details::TaskDetails;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::{BoxFuture, Error, Headers, TaskContext};

/// Work that keeps a core busy.
///
/// It runs on a thread of its own, never on one that serves futures, so it may compute and block as it likes. Work that
/// mostly waits is an [`AsyncTask`].
///
/// A task may be [run](Self::run) again: an offer that was evicted returns to the queue. And from the moment it is given a
/// slot, [`expand`](Self::expand) and [`handle`](Self::handle) are called from other threads, one at a time. So what
/// changes in a task is behind atomics or locks.
///
/// A panic in any of these is caught, recorded and taken for a failure. The server lives.
///
/// ```
/// use occamy_core::{BoxTask, Error, Task, TaskContext, TaskDetails};
///
/// struct Sum { id: String, from: u64, to: u64 }
///
/// impl Task for Sum {
///     fn details(&self) -> TaskDetails {
///         TaskDetails::new(self.id.as_str())
///     }
///
///     fn run(&self, cx: &TaskContext) -> Result<(), Error> {
///         let mut sum = 0;
///         for number in self.from..self.to {
///             cx.check()?;
///             sum += number;
///         }
///         println!("{sum}");
///         Ok(())
///     }
/// }
///
/// let task = BoxTask::from(Sum { id: "a".into(), from: 0, to: 100 });
/// ```
pub trait Task: Send + Sync + 'static {
    /// What the server needs to know of this task. Called once, before anything else.
    fn details(&self) -> TaskDetails;

    /// Does the work.
    ///
    /// It has to look at [`cx.check()?`](TaskContext::check) every few milliseconds: an unprotected task is told to stop
    /// when a request needs its slot, and that request waits until this returns. One that doesn't return within the
    /// server's kill timeout is given up, and its slot with it.
    ///
    /// # Errors
    ///
    /// What comes of an error depends on its kind and marks, and on whether the task was told to stop:
    ///
    /// - after a stop, any error hands the request to another server, and no attempt is counted;
    /// - without a stop, an error marked [retryable](Error::retryable) is tried again later and counts as an attempt;
    ///   so does [interrupted](Error::interrupted);
    /// - without a stop, every other error makes the request a dead letter.
    ///
    /// `Ok` is done, stopped or not.
    fn run(&self, cx: &TaskContext) -> Result<(), Error>;

    /// Creates assistants for spare slots: at most `limit`, best first; none if there is nothing to assist with.
    ///
    /// Assistants are unprotected: each may be stopped at any time, and one that was isn't run again, so what it was to
    /// do has to be taken up again by others. They may outlive this task. More than `limit` are dropped. An answer that
    /// takes longer than the kill timeout finds its slots given to others.
    ///
    /// Called from the moment the task is given a slot: that may be just before `run` begins, and just after it returns.
    /// Never called twice at a time.
    fn expand(&self, limit: usize) -> Vec<BoxTask> {
        let _ = limit;
        Vec::new()
    }

    /// Takes a control message for this task's id.
    ///
    /// Messages come one at a time, in the order of arrival, from the moment the task is given a slot: the first may come
    /// just before `run` begins. They queue while one is handled, and when too many do the oldest are dropped.
    ///
    /// # Errors
    ///
    /// An error is recorded and has no other effect.
    fn handle(&self, cx: &TaskContext, headers: &Headers, body: &Bytes) -> Result<(), Error> {
        let _ = (cx, headers, body);
        Ok(())
    }
}

/// Work that mostly waits: for another service, or a file. What waits for a program is a [`CommandTask`].
///
/// It is as a [`Task`] in everything but `run`, whose future is polled on a thread that serves other futures too: so it
/// must not compute for more than a millisecond or block. To be boxed by [`BoxTask::future`].
///
/// ```
/// use occamy_core::{AsyncTask, BoxFuture, BoxTask, Error, TaskContext, TaskDetails};
///
/// struct Fetch { url: String }
///
/// impl AsyncTask for Fetch {
///     fn details(&self) -> TaskDetails {
///         TaskDetails::new("").group("fetch")
///     }
///
///     fn run<'a>(&'a self, cx: &'a TaskContext) -> BoxFuture<'a, Result<(), Error>> {
///         Box::pin(async move {
///             // tokio::select! { page = get(&self.url) => .., () = cx.stopped() => return Err(Error::interrupted()) }
///             cx.check()
///         })
///     }
/// }
///
/// let task = BoxTask::future(Fetch { url: "https://example.com".into() });
/// ```
pub trait AsyncTask: Send + Sync + 'static {
    /// As [`Task::details`].
    fn details(&self) -> TaskDetails;

    /// Does the work, as [`Task::run`].
    ///
    /// A future that goes on after its stop is dropped before the kill timeout ends, at whichever `await` it stands: what
    /// it must not leave half done belongs into a task of its own.
    ///
    /// # Errors
    ///
    /// As of [`Task::run`].
    fn run<'a>(&'a self, cx: &'a TaskContext) -> BoxFuture<'a, Result<(), Error>>;

    /// As [`Task::expand`]. Called on a thread that may compute, once the future has come to its first `await` that waits: where
    /// it blocks its thread before, up to a second later, or if tokio has no other thread not before it goes on.
    fn expand(&self, limit: usize) -> Vec<BoxTask> {
        let _ = limit;
        Vec::new()
    }

    /// As [`Task::handle`]. Called on a thread that may compute.
    ///
    /// # Errors
    ///
    /// As of [`Task::handle`].
    fn handle(&self, cx: &TaskContext, headers: &Headers, body: &Bytes) -> Result<(), Error> {
        let _ = (cx, headers, body);
        Ok(())
    }
}

/// A task of any kind: what handlers return and tasks expand into.
///
/// Made from a [`Task`] or a [`CommandTask`] by `.into()`, from an [`AsyncTask`] by [`BoxTask::future`]. A clone is cheap,
/// and the same task.
#[derive(Clone)]
pub struct BoxTask(TaskKind);

/// The kinds of task, for who runs them.
///
/// ```
/// # use occamy_core::{BoxTask, CommandTask, Error, TaskContext, TaskKind};
/// # fn on_a_thread(_: impl FnOnce() -> Result<(), Error>) {}
/// # fn launch(_: &CommandTask, _: TaskContext) {}
/// # fn spawn(_: impl Future<Output = Result<(), Error>> + Send + 'static) {}
/// fn start(task: &BoxTask, cx: TaskContext) {
///     match task.kind().clone() {
///         TaskKind::Compute(task) => on_a_thread(move || task.run(&cx)),
///         TaskKind::Async(task) => spawn(async move { task.run(&cx).await }),
///         TaskKind::Command(command) => launch(&command, cx),
///         other => panic!("this runtime is older than {other:?}"),
///     }
/// }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum TaskKind {
    /// It computes, and needs a thread to itself.
    Compute(Arc<dyn Task>),
    /// It awaits, and is to be spawned as a future.
    Async(Arc<dyn AsyncTask>),
    /// It is a program, and needs a process.
    Command(Arc<CommandTask>),
}

impl BoxTask {
    /// Boxes a task that awaits.
    pub fn future(task: impl AsyncTask) -> Self {
        Self(TaskKind::Async(Arc::new(task)))
    }

    /// The task itself, in a form that can be run.
    pub fn kind(&self) -> &TaskKind {
        &self.0
    }

    /// See [`Task::details`].
    pub fn details(&self) -> TaskDetails {
        match &self.0 {
            TaskKind::Compute(task) => task.details(),
            TaskKind::Async(task) => task.details(),
            TaskKind::Command(command) => command.details.clone(),
        }
    }

    /// See [`Task::expand`].
    pub fn expand(&self, limit: usize) -> Vec<Self> {
        match &self.0 {
            TaskKind::Compute(task) => task.expand(limit),
            TaskKind::Async(task) => task.expand(limit),
            TaskKind::Command(command) => command.expand(limit),
        }
    }

    /// See [`Task::handle`].
    ///
    /// # Errors
    ///
    /// As of [`Task::handle`].
    pub fn handle(&self, cx: &TaskContext, headers: &Headers, body: &Bytes) -> Result<(), Error> {
        match &self.0 {
            TaskKind::Compute(task) => task.handle(cx, headers, body),
            TaskKind::Async(task) => task.handle(cx, headers, body),
            TaskKind::Command(command) => command.handle(cx, headers, body),
        }
    }
}

impl<T: Task> From<T> for BoxTask {
    fn from(task: T) -> Self {
        Self(TaskKind::Compute(Arc::new(task)))
    }
}

impl From<CommandTask> for BoxTask {
    fn from(command: CommandTask) -> Self {
        Self(TaskKind::Command(Arc::new(command)))
    }
}

/// The kind alone: printing a task calls nothing of the user's.
impl fmt::Debug for BoxTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoxTask").field(&self.0).finish()
    }
}

impl fmt::Debug for TaskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Compute(_) => "Compute",
            Self::Async(_) => "Async",
            Self::Command(_) => "Command",
        })
    }
}

#[cfg(test)]
mod tests;
