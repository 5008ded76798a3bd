//! What all handles, threads and tasks of one server share, and the jobs that are done without the lock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use occamy_core::scheduler::{Event, TaskKey};
use occamy_core::{Error, ErrorKind, Handler, Monitor, Observation, Outcome};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::alarm::Alarm;
use crate::builder::Settings;
use crate::caught::bury;
use crate::desk::{Desk, Job, LaneId, Run};
use crate::host::Host;
use crate::monitors::Monitors;
use crate::pool::Pool;
use crate::reaper::Reaper;
use crate::{compute, futures};

/// How much of the kill timeout a leftover has before its priority is lowered. Where the cores are full, which is what
/// they are for, a lowered thread hardly runs: one that looks at its stop now and then would not get to look, would keep the
/// overlap from others, and would count as wedged in the end.
const LEFTOVER_PATIENCE: f64 = 0.1;

/// One server, without its handle.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) handler: Box<dyn Handler>,
    pub(crate) desk: Desk,
    pub(crate) alarm: Arc<Alarm>,
    pub(crate) monitors: Monitors,
    pub(crate) pool: Pool,
    pub(crate) reaper: Arc<Reaper>,
    /// Where futures are spawned, and whose clock is ours.
    pub(crate) runtime: Handle,
    /// Settlements that are decided and not through.
    pub(crate) settlements: TaskTracker,
    /// Tells all who wait whenever the number of requests that there is room for may have changed.
    pub(crate) room: Notify,
    /// Cancelled when nothing new is taken any more.
    pub(crate) draining: CancellationToken,
    /// Cancelled when everything has ended that will.
    pub(crate) closed: CancellationToken,
    started: Instant,
}

impl Shared {
    pub(crate) fn new(
        settings: Settings,
        handler: Box<dyn Handler>,
        monitor: Box<dyn Monitor>,
        runtime: Handle,
    ) -> Result<Self, crate::BuildError> {
        let alarm = Arc::new(Alarm::default());
        let settlements = TaskTracker::new();
        Ok(Self {
            desk: Desk::new(
                settings.scheduler.clone(),
                settings.mailbox,
                Arc::clone(&alarm),
                settlements.clone(),
            )?,
            pool: Pool::new(&settings.name)?,
            reaper: Arc::new(Reaper::new(
                Arc::clone(&settings.name),
                runtime.clone(),
                settings.idle_priority,
            )),
            monitors: Monitors::new(monitor),
            settlements,
            room: Notify::new(),
            draining: CancellationToken::new(),
            closed: CancellationToken::new(),
            started: Instant::now(),
            alarm,
            handler,
            runtime,
            settings,
        })
    }

    /// The scheduler's time. Reads the clock of tokio, so that tests can pause it.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// The scheduler's time as tokio's. `None` if it is too far off to be represented.
    pub(crate) fn instant_of(&self, time: Duration) -> Option<Instant> {
        self.started.checked_add(time)
    }

    /// Hands in an event that starts nothing on this thread.
    pub(crate) fn event(self: &Arc<Self>, event: Event) {
        self.call(move |shared| {
            let drains = matches!(event, Event::Drain | Event::ShutDown { .. });
            let jobs = shared.desk.event(shared.now(), event);
            if drains {
                shared.draining.cancel();
            }
            shared.perform(jobs);
        });
    }

    /// Tells the monitors how the slots are used, though nothing happens.
    pub(crate) fn beat(self: &Arc<Self>) {
        self.call(move |shared| {
            let jobs = shared.desk.beat(shared.now());
            shared.perform(jobs);
        });
    }

    /// The run of a task is over. On the thread of a slot: what to run there next, if anything.
    pub(crate) fn finished(
        self: &Arc<Self>,
        lane: Option<LaneId>,
        task: TaskKey,
        outcome: Outcome,
    ) -> Option<Run> {
        let jobs = self.desk.finished(self.now(), lane, task, outcome);
        self.perform_here(jobs)
    }

    /// Does what an event has brought about, on any thread but that of a slot.
    pub(crate) fn perform(self: &Arc<Self>, jobs: Vec<Job>) {
        let here = self.perform_here(jobs);
        debug_assert!(here.is_none(), "only the thread of a slot is given a task to run");
    }

    /// Does what an event has brought about. Tells what this thread, being a slot's, is to run next.
    fn perform_here(self: &Arc<Self>, jobs: Vec<Job>) -> Option<Run> {
        let mut here = None;
        let mut observations = Vec::new();
        let mut jobs = VecDeque::from(jobs);
        while let Some(job) = jobs.pop_front() {
            match job {
                Job::RunHere(run) => here = Some(run),
                Job::Send(thread, run) => {
                    // A slot's thread ends after its sender is gone, so it is there to receive.
                    if let Err(unsent) = thread.send(run) {
                        jobs.extend(self.not_started(unsent.0.key, "its slot's thread is gone"));
                    }
                }
                Job::Spawn(lane, run) => {
                    let (lane_id, task) = (lane.id, run.key);
                    if let Err(error) = compute::spawn(self, lane, run) {
                        self.desk.lane_failed(lane_id);
                        jobs.extend(self.not_started(task, error));
                    }
                }
                Job::Future(run) => futures::spawn(self, run),
                Job::Wake(host) => host.wake(),
                Job::Errands => jobs.extend(self.send_for_errands()),
                Job::Settle { message, verdict, group, under_way } => {
                    observations.extend(self.settle(message, verdict, group));
                    drop(under_way);
                }
                Job::Wedged { key, id, group, status, slot, left } => tracing::warn!(
                    parent: None, server = %self.settings.name, key = key.0, %id, %group, %status, slot = slot.0,
                    "a task did not end within the kill timeout of its stop; {}",
                    if left { "it keeps its place among the leftovers until it does" }
                    else { "its slot stays lost until it does" }
                ),
                Job::Lower { host, wedged } => self.lower(host, wedged),
                Job::Health { healthy: false, wedged } => tracing::error!(
                    parent: None, server = %self.settings.name, wedged,
                    "more slots are wedged than the server can bear: it counts as unhealthy, and is better replaced"
                ),
                Job::Health { healthy: true, wedged } => {
                    tracing::info!(parent: None, server = %self.settings.name, wedged, "the server is healthy again");
                }
                Job::Bury(grave) => bury(grave),
                Job::Room => self.room.notify_waiters(),
                Job::Closed => {
                    self.closed.cancel();
                    self.alarm.rearm();
                }
            }
        }
        if observations.is_empty() {
            self.tell_monitors();
        } else {
            self.tell_monitors_of(observations);
        }
        here
    }

    /// Has the priority of a run lowered for whose end nobody waits any more.
    fn lower(&self, host: Arc<Host>, wedged: bool) {
        if !self.reaper.lowers() {
            return;
        }
        if wedged {
            return host.lower();
        }
        let patience = self.settings.scheduler.kill_timeout.mul_f64(LEFTOVER_PATIENCE);
        self.runtime.spawn(async move {
            tokio::time::sleep(patience).await;
            host.lower();
        });
    }

    /// A task couldn't be started, for no fault of its own.
    fn not_started(
        &self,
        task: TaskKey,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Vec<Job> {
        let error = Error::new(ErrorKind::TaskNotAdded, "the system gave no thread to run the task on");
        self.desk.finished(self.now(), None, task, Outcome::NotStarted(error.with_source(cause)))
    }

    /// Records that something went wrong. The monitors hear of it in turn.
    pub(crate) fn record_error(&self, group: Arc<str>, error: Error) {
        self.desk.observe(Observation::Failed { group, error });
    }
}

/// Lets the sleeper find out that there is nothing left to wake for.
impl Drop for Shared {
    fn drop(&mut self) {
        self.alarm.rearm();
    }
}
