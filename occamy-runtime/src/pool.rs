//! The threads on which `expand` and control messages are handled.
//!
//! They are the server's own, so that neither a busy tokio nor blocked tasks of the user's keep them from their work, once
//! they are sent for: of what starts as a future, that is when it rests for the first time. The pool is tokio's for blocking
//! calls, which grows while all are busy: so one slow `handle` delays no other task.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use occamy_core::scheduler::TaskKey;
use occamy_core::{BoxTask, Error, ErrorKind, Observation, TaskContext, TaskDetails};
use tokio::runtime::{Builder, Runtime};
use tracing::Span;

use crate::caught::{bury, caught};
use crate::desk::{Control, Errand, Job, Next, Since, Visit};
use crate::host::Host;
use crate::shared::Shared;
use crate::spans::record_error;

/// So many slow calls can be under way before others wait. A thread costs little while it sleeps, and none is started
/// before it is needed.
const MAX_THREADS: usize = 256;

/// How long a thread that has asked sleeps before it looks for the last time: short beside any work that is worth an
/// assistant, and long beside the time that it takes to wake a thread.
const NAP: Duration = Duration::from_micros(50);

/// Only its threads for blocking calls are ever used. `None` after the drop.
pub(crate) struct Pool(Option<Runtime>);

impl Pool {
    pub(crate) fn new(server: &str) -> io::Result<Self> {
        let name = format!("{server}-errand");
        Builder::new_current_thread()
            .max_blocking_threads(MAX_THREADS)
            .thread_name(name)
            .build()
            .map(Some)
            .map(Self)
    }

    /// Has a thread do the errands that there are. An error if there is none to be had.
    fn send(&self, shared: &Arc<Shared>) -> Result<(), Error> {
        let Some(pool) = &self.0 else { return Ok(()) };
        let shared = Arc::clone(shared);
        // Tokio panics where the system gives it not a single thread.
        caught(ErrorKind::InternalHandler, || {
            pool.spawn_blocking(move || {
                // For the clock, and for users who spawn futures.
                let _context = shared.runtime.enter();
                shared.run_errands();
            });
        })
    }
}

/// Threads that are still busy with user code are left to it.
impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(pool) = self.0.take() {
            pool.shutdown_background();
        }
    }
}

impl Shared {
    /// Has one more thread of the pool come. What there is to do if none can.
    pub(crate) fn send_for_errands(self: &Arc<Self>) -> Vec<Job> {
        let Err(error) = self.pool.send(self) else { return Vec::new() };
        tracing::error!(parent: None, server = %self.settings.name, %error, "no thread for expand and control messages");
        self.desk.nobody_comes(self.now())
    }

    /// A future rests for the first time: who waited for that is called for now.
    pub(crate) fn rests(self: &Arc<Self>, task: TaskKey) {
        if self.desk.rests(task) {
            let jobs = self.send_for_errands();
            self.perform(jobs);
        }
    }

    fn run_errands(self: &Arc<Self>) {
        let mut since = Since::Coming;
        loop {
            since = match self.desk.next_errand(since) {
                Next::Visit(visit) => {
                    let key = visit.key;
                    // The user's log may panic, too. That has been printed, and to log it would be to call it again. The
                    // thread has to come back: it counts as there, and the task as attended.
                    let _ = caught(ErrorKind::InternalHandler, || self.make(visit));
                    Since::Errand(key)
                }
                Next::Nap => {
                    thread::sleep(NAP);
                    Since::Nap
                }
                Next::Go => return,
            };
        }
    }

    fn make(self: &Arc<Self>, visit: Visit) {
        let Visit { key, task, host, errand, send_another } = visit;
        if send_another {
            let jobs = self.send_for_errands();
            self.perform(jobs);
        }
        match errand {
            Errand::Expand(limit) => {
                let _span = self.expand_span(&host).entered();
                self.ask(key, &task, &host, limit);
            }
            Errand::Handle(control) => {
                let span = self.handle_span(&host, &control).entered();
                self.hand_over(&task, &host.context(), &control, &span);
                bury(control);
            }
        }
        // The run may have ended meanwhile, and this have become the last of the task.
        bury(task);
    }

    /// Asks a task for assistants, and hands them to the scheduler.
    fn ask(self: &Arc<Self>, key: TaskKey, task: &BoxTask, host: &Arc<Host>, limit: usize) {
        let (started, cx) = (self.now(), host.context());
        let created = caught(ErrorKind::UnknownTask, || task.expand(limit)).unwrap_or_else(|panic| {
            self.record_error(cx.group().into(), panic);
            Vec::new()
        });
        let mut created = created;
        let surplus = created.split_off(created.len().min(limit));
        if !surplus.is_empty() {
            self.desk.observe(Observation::AssistantsDropped { count: surplus.len() });
            surplus.into_iter().for_each(bury);
        }
        let created = created.into_iter().filter_map(|assistant| self.with_details(assistant, &cx)).collect();
        let lineage = host.lineage().assistant(host.trace());
        let now = self.now();
        let jobs = self.desk.expanded(now, now.saturating_sub(started), key, created, &lineage);
        self.perform(jobs);
    }

    /// An assistant that can't tell its details is recorded, and no assistant.
    fn with_details(&self, assistant: BoxTask, cx: &TaskContext) -> Option<(BoxTask, TaskDetails)> {
        match caught(ErrorKind::UnknownTask, || assistant.details()) {
            Ok(details) => Some((assistant, details)),
            Err(panic) => {
                bury(assistant);
                self.record_error(cx.group().into(), panic);
                None
            }
        }
    }

    fn hand_over(self: &Arc<Self>, task: &BoxTask, cx: &TaskContext, control: &Control, span: &Span) {
        let handled = caught(ErrorKind::UnknownTask, || task.handle(cx, &control.headers, &control.body));
        let handled: Result<(), Error> = handled.unwrap_or_else(Err);
        if let Err(error) = handled {
            record_error(span, &error);
            self.record_error(cx.group().into(), error);
            self.tell_monitors();
        }
    }
}
