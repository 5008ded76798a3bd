//! The task of all benchmarks but one: it does what it was told to, as a future or on a thread.

use std::fmt;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use bytes::Bytes;
use occamy_core::{AsyncTask, BoxFuture, BoxTask, Error, Headers, Task, TaskContext, TaskDetails};

use crate::kind::Kind;

/// What is done at some point of a task's life.
pub(crate) type Hook = Arc<dyn Fn() + Send + Sync>;
/// What a task expands into.
pub(crate) type Expand = Arc<dyn Fn(usize) -> Vec<BoxTask> + Send + Sync>;

/// What a task does.
#[derive(Clone, Default)]
pub(crate) struct Script {
    pub(crate) details: TaskDetails,
    /// The first statement of `run`.
    pub(crate) begin: Option<Hook>,
    pub(crate) then: Then,
    pub(crate) expand: Option<Expand>,
    /// With each control message.
    pub(crate) handle: Option<Hook>,
}

/// What it does after the first statement.
#[derive(Clone, Default)]
pub(crate) enum Then {
    /// Ends.
    #[default]
    End,
    /// Waits until so many tasks run.
    Meet(Arc<Meeting>),
    /// Waits for its stop, and then takes this long to end.
    AwaitStop(Duration, Option<Arc<dyn Fn(Duration) + Send + Sync>>),
}

impl Then {
    /// Waits for its stop, and ends at once.
    pub(crate) const PARK: Self = Self::AwaitStop(Duration::ZERO, None);
}

/// Where tasks wait for each other, so that each has a slot of its own.
pub(crate) struct Meeting {
    threads: Barrier,
    futures: tokio::sync::Barrier,
}

impl Meeting {
    pub(crate) fn of(tasks: usize) -> Self {
        Self { threads: Barrier::new(tasks), futures: tokio::sync::Barrier::new(tasks) }
    }
}

impl Script {
    pub(crate) fn task(self, kind: Kind) -> BoxTask {
        match kind {
            Kind::Async => BoxTask::future(self),
            Kind::Threads => self.into(),
        }
    }

    fn called(hook: Option<&Hook>) {
        if let Some(hook) = hook {
            hook();
        }
    }

    fn assistants(&self, limit: usize) -> Vec<BoxTask> {
        self.expand.as_ref().map(|expand| expand(limit)).unwrap_or_default()
    }
}

impl Task for Script {
    fn details(&self) -> TaskDetails {
        self.details.clone()
    }

    fn run(&self, cx: &TaskContext) -> Result<(), Error> {
        Self::called(self.begin.as_ref());
        match &self.then {
            Then::End => Ok(()),
            Then::Meet(meeting) => {
                meeting.threads.wait();
                Ok(())
            }
            Then::AwaitStop(linger, ended) => {
                cx.wait_stopped(Duration::MAX);
                if !linger.is_zero() {
                    let stopped = Instant::now();
                    std::thread::sleep(*linger);
                    ended.iter().for_each(|ended| ended(stopped.elapsed()));
                }
                Err(Error::interrupted())
            }
        }
    }

    fn expand(&self, limit: usize) -> Vec<BoxTask> {
        self.assistants(limit)
    }

    fn handle(&self, _: &TaskContext, _: &Headers, _: &Bytes) -> Result<(), Error> {
        Self::called(self.handle.as_ref());
        Ok(())
    }
}

impl AsyncTask for Script {
    fn details(&self) -> TaskDetails {
        self.details.clone()
    }

    fn run<'a>(&'a self, cx: &'a TaskContext) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            Self::called(self.begin.as_ref());
            match &self.then {
                Then::End => Ok(()),
                Then::Meet(meeting) => {
                    meeting.futures.wait().await;
                    Ok(())
                }
                Then::AwaitStop(linger, ended) => {
                    cx.stopped().await;
                    if !linger.is_zero() {
                        let stopped = Instant::now();
                        tokio::time::sleep(*linger).await;
                        ended.iter().for_each(|ended| ended(stopped.elapsed()));
                    }
                    Err(Error::interrupted())
                }
            }
        })
    }

    fn expand(&self, limit: usize) -> Vec<BoxTask> {
        self.assistants(limit)
    }

    fn handle(&self, _: &TaskContext, _: &Headers, _: &Bytes) -> Result<(), Error> {
        Self::called(self.handle.as_ref());
        Ok(())
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("details", &self.details).finish_non_exhaustive()
    }
}
