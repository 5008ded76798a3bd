//! From message to task: what happens before the scheduler hears of it.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::time::{Duration, SystemTime};

use occamy_core::scheduler::{Event, TaskKey};
use occamy_core::transport::header;
use occamy_core::{
    BoxTask, Delivery, Error, ErrorKind, Headers, Message, Observation, OfferEnd, Process, TaskDetails,
    TraceContext, Verdict,
};

use crate::caught::{bury, caught};
use crate::desk::{Arrival, Control, Job};
use crate::lineage::{Lineage, Received};
use crate::shared::Shared;

impl Shared {
    pub(crate) fn handle_request(self: &Arc<Self>, message: Box<dyn Message>) {
        let started = self.now();
        // Checked before the handler runs, which may be costly. The scheduler checks again.
        let handed_in = if self.draining.is_cancelled() {
            self.settle_now(message, Verdict::on_refusal(), no_group());
            false
        } else {
            self.take_request(message, started)
        };
        // What was handed in was observed with it.
        if !handed_in {
            self.observe_process(Process::HandleRequestMessage, started);
        }
    }

    /// False if no task came of the message.
    fn take_request(self: &Arc<Self>, message: Box<dyn Message>, received: Duration) -> bool {
        let attempt = message.attempt();
        let delivery = Delivery { attempt, deliveries: message.deliveries() };
        if let Some(verdict) = Verdict::on_arrival(delivery, self.settings.scheduler.limits) {
            self.settle_taskless(message, verdict);
            return false;
        }
        let Made { task, details, lineage } = match self.make_task(&*message) {
            Ok(made) => made,
            Err(error) => {
                self.reject(message, error);
                return false;
            }
        };
        let lease = Arc::new(Lease::default());
        message.watch_lease({
            let (shared, lease) = (Arc::downgrade(self), Arc::clone(&lease));
            Arc::new(move || {
                lease.lost.store(true, Ordering::Release);
                // Against the fence below: of the two threads at least one sees what the other wrote.
                fence(Ordering::SeqCst);
                if let (Some(shared), Some(&task)) = (shared.upgrade(), lease.task.get()) {
                    shared.event(Event::RequestWithdrawn { task });
                }
            })
        });
        let lease_lost = Arc::clone(&lease.lost);
        let arrival = Arrival { task, details, lineage, message, attempt, received, lease_lost };
        let (task, jobs) = self.desk.request(self.now(), arrival);
        self.perform(jobs);
        // The lease may have been lost before the task had a name to be withdrawn by.
        let named = lease.task.set(task).is_ok();
        fence(Ordering::SeqCst);
        if named && lease.lost.load(Ordering::Acquire) {
            self.event(Event::RequestWithdrawn { task });
        }
        true
    }

    pub(crate) fn handle_control(self: &Arc<Self>, message: Box<dyn Message>) {
        let started = self.now();
        match message.headers().optional_string(&self.settings.task_id_header) {
            Ok(Some(id)) => {
                let (headers, body) = (message.headers().clone(), message.body().clone());
                let control = Control { headers, body, origin: self.origin(&*message) };
                let mut jobs = self.desk.deliver(id, &Arc::new(control));
                let under_way = self.settlements.token();
                // Last: a thread that was sent for is not to wait for the broker.
                jobs.push(Job::Settle { message, verdict: Verdict::Done, group: no_group(), under_way });
                self.perform(jobs);
            }
            Ok(None) => self.take_offer(message, started),
            Err(error) => self.reject(message, error),
        }
        self.observe_process(Process::HandleControlMessage, started);
    }

    fn take_offer(self: &Arc<Self>, message: Box<dyn Message>, received: Duration) {
        if self.draining.is_cancelled() {
            self.desk.observe(Observation::OfferDropped { group: no_group(), end: OfferEnd::Draining });
            return self.reject(message, Error::new(ErrorKind::TaskNotAdded, "the server is draining"));
        }
        match self.make_task(&*message) {
            Ok(Made { task, details, lineage }) => {
                let now = self.now();
                let deadline = details.deadline.map(|deadline| from_wall_clock(deadline, now));
                let bytes = message.headers().size() + message.body().len();
                let lease_lost = Arc::default();
                let attempt = message.attempt();
                let arrival = Arrival { task, details, lineage, message, attempt, received, lease_lost };
                let jobs = self.desk.offer(now, arrival, deadline, bytes);
                self.perform(jobs);
            }
            Err(error) => self.reject(message, error),
        }
    }

    fn reject(self: &Arc<Self>, message: Box<dyn Message>, error: Error) {
        self.settle_taskless(message, Verdict::on_handler_error(error));
    }

    /// Settles a message of which no task came, and records why.
    fn settle_taskless(self: &Arc<Self>, message: Box<dyn Message>, verdict: Verdict) {
        if let Some(error) = verdict.error() {
            self.record_error(no_group(), error.clone());
        }
        self.settle_now(message, verdict, no_group());
    }

    /// Calls the handler and the new task's `details`, on this thread.
    fn make_task(&self, message: &dyn Message) -> Result<Made, Error> {
        let body = message.body();
        let (headers, request_id) = with_request_id(message.headers());
        let received = Received { origin: self.origin(message), body: body.len() };
        let task = caught(ErrorKind::UnknownHandler, || self.handler.handle(&headers, body))??;
        let details = match caught(ErrorKind::UnknownHandler, || task.details()) {
            Ok(details) => details,
            Err(panic) => {
                bury(task);
                return Err(panic);
            }
        };
        let lineage = Lineage { request_id, trace: TraceContext::of(&headers), message: Some(received) };
        Ok(Made { task, details, lineage: Arc::new(lineage) })
    }

    fn observe_process(self: &Arc<Self>, process: Process, started: Duration) {
        self.tell_monitors_of(vec![Observation::Process {
            process,
            took: self.now().saturating_sub(started),
        }]);
    }
}

/// What a handler made of a message.
struct Made {
    task: BoxTask,
    details: TaskDetails,
    lineage: Arc<Lineage>,
}

/// Whether a message still belongs to us, and by which name to withdraw its request.
#[derive(Default)]
struct Lease {
    lost: Arc<AtomicBool>,
    task: OnceLock<TaskKey>,
}

/// The headers with an id for correlation, a fresh one if there was none that is a string.
fn with_request_id(headers: &Headers) -> (Cow<'_, Headers>, Arc<str>) {
    if let Ok(Some(id)) = headers.optional_string(header::REQUEST_ID) {
        return (Cow::Borrowed(headers), Arc::from(id));
    }
    let id = uuid::Uuid::new_v4().to_string();
    let mut headers = headers.clone();
    headers.insert(header::REQUEST_ID, id.as_str());
    (Cow::Owned(headers), Arc::from(id))
}

/// A deadline of the wall clock in the scheduler's time, converted once: a clock that is set later changes nothing.
fn from_wall_clock(deadline: SystemTime, now: Duration) -> Duration {
    match deadline.duration_since(SystemTime::now()) {
        Ok(ahead) => now.saturating_add(ahead),
        Err(_) => now,
    }
}

/// The group of messages of which no task was made.
fn no_group() -> Arc<str> {
    Arc::from(TaskDetails::NO_GROUP)
}
