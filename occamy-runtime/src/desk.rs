//! The one lock of a server: the scheduler, and beside it what the scheduler's keys stand for.
//!
//! Whoever brings an event locks, hands the event in and applies the actions to the tables. What is left to do, a list of
//! [`Job`]s, is done after unlocking: starting, settling, asking, dropping. So no code of the user's, no spawn and no drop
//! of the user's objects ever happens under the lock.

mod apply;
mod calls;
mod errands;
mod job;
mod lanes;
mod snapshot;
mod table;

pub(crate) use calls::{Next, Since, Visit};
pub(crate) use job::{Grave, Job, Run};
pub(crate) use lanes::{Lane, LaneId};
pub use snapshot::{IdlePriority, Snapshot, TaskSnapshot, TaskState};
pub(crate) use table::{Control, Errand};

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::time::Duration;

use occamy_core::scheduler::{
    self, Assistant, Config, ConfigError, Event, Offer, Request, Scheduler, TaskKey,
};
use occamy_core::{BoxTask, Message, Observation, Outcome, Process, TaskDetails};

use tokio_util::task::TaskTracker;

use crate::alarm::Alarm;
use crate::lineage::Lineage;
use crate::sync::{Mutex, MutexGuard, lock};
use calls::Calls;
use lanes::Lanes;
use table::{Entry, Errands, Running};

/// The lock, and what is behind it.
pub(crate) struct Desk {
    state: Mutex<State>,
    alarm: Arc<Alarm>,
    /// How many control messages wait for one task at most.
    mailbox: usize,
    /// There are observations, which nobody has taken. Changed under the lock, looked at without.
    unheard: AtomicBool,
}

struct State {
    scheduler: Scheduler,
    tasks: BTreeMap<TaskKey, Entry>,
    /// The running tasks by the id that control messages name.
    by_id: HashMap<Arc<str>, BTreeSet<TaskKey>>,
    lanes: Lanes,
    calls: Calls,
    /// Tasks whose mail there was no thread for.
    stranded: Vec<TaskKey>,
    last_key: u64,
    /// What the monitors are still to be told.
    observations: Vec<Observation>,
    /// When the alarm goes off as it is set now.
    armed: Option<Duration>,
    /// As the monitors were told last.
    healthy: bool,
    closed: bool,
    /// Counts the settlements that are decided and not through.
    settlements: TaskTracker,
}

/// A message that was made a task, or a task without a message.
pub(crate) struct Arrival {
    pub(crate) task: BoxTask,
    pub(crate) details: TaskDetails,
    pub(crate) lineage: Arc<Lineage>,
    pub(crate) message: Box<dyn Message>,
    /// Of the message, which is not to be asked under the lock.
    pub(crate) attempt: u32,
    /// When the message came.
    pub(crate) received: Duration,
    pub(crate) lease_lost: Arc<AtomicBool>,
}

impl Desk {
    pub(crate) fn new(
        config: Config,
        mailbox: usize,
        alarm: Arc<Alarm>,
        settlements: TaskTracker,
    ) -> Result<Self, ConfigError> {
        let slots = config.slots;
        let mut state = State {
            scheduler: Scheduler::new(config)?,
            tasks: BTreeMap::new(),
            by_id: HashMap::new(),
            lanes: Lanes::new(slots),
            calls: Calls::default(),
            stranded: Vec::new(),
            last_key: 0,
            observations: Vec::new(),
            armed: None,
            healthy: true,
            closed: false,
            settlements,
        };
        // What the scheduler has to say of its birth.
        while let Some(action) = state.scheduler.poll_action() {
            if let scheduler::Action::Observe(observation) = action {
                state.observations.push(observation);
            }
        }
        Ok(Self { state: Mutex::new(state), alarm, mailbox, unheard: AtomicBool::new(true) })
    }

    /// A request arrived. Tells its key, too, by which it can be withdrawn.
    pub(crate) fn request(&self, now: Duration, arrival: Arrival) -> (TaskKey, Vec<Job>) {
        let mut state = self.lock();
        let Arrival { details, attempt, received, .. } = &arrival;
        let request = Request {
            id: Arc::clone(&details.id),
            group: Arc::clone(&details.group),
            weight: details.weight,
            max_run: details.max_run,
            attempt: *attempt,
            handling: now.saturating_sub(*received),
        };
        let took = request.handling;
        let task = state.enter(arrival);
        let jobs = self.tell(&mut state, now, None, Event::RequestArrived { task, request });
        self.note(&mut state, Observation::Process { process: Process::HandleRequestMessage, took });
        (task, jobs)
    }

    /// An offer arrived. Its deadline is in the scheduler's time.
    pub(crate) fn offer(
        &self,
        now: Duration,
        arrival: Arrival,
        deadline: Option<Duration>,
        bytes: usize,
    ) -> Vec<Job> {
        let mut state = self.lock();
        let TaskDetails { id, group, weight, .. } = &arrival.details;
        let (id, group) = (Arc::clone(id), Arc::clone(group));
        let offer = Offer { id, group, weight: *weight, deadline, bytes };
        let task = state.enter(arrival);
        state.calls.hurry();
        self.tell(&mut state, now, None, Event::OfferArrived { task, offer })
    }

    /// The run of a task is over. On which lane, if on one: it may be given the next task.
    pub(crate) fn finished(
        &self,
        now: Duration,
        lane: Option<LaneId>,
        task: TaskKey,
        outcome: Outcome,
    ) -> Vec<Job> {
        // The scheduler drops what it has no use for. That must not be the last of an error.
        let kept = outcome.error().cloned();
        // Nor may the lock see the end of a run's span.
        let (unread, _run);
        let mut state = self.lock();
        (unread, _run) = state.leave(task);
        let mut jobs = self.tell(&mut state, now, lane, Event::Finished { task, outcome });
        jobs.extend(kept.map(|error| Job::Bury(Box::new(Grave::Error(error)))));
        if !unread.is_empty() {
            jobs.push(Job::Bury(Box::new(Grave::Letters(unread))));
        }
        jobs
    }

    /// A task answered with assistants, that long after it was called.
    pub(crate) fn expanded(
        &self,
        now: Duration,
        took: Duration,
        task: TaskKey,
        created: Vec<(BoxTask, TaskDetails)>,
        lineage: &Arc<Lineage>,
    ) -> Vec<Job> {
        let mut state = self.lock();
        let assistants = created
            .into_iter()
            .map(|(task, details)| Assistant {
                id: Arc::clone(&details.id),
                group: Arc::clone(&details.group),
                task: state.enter_assistant(task, details, Arc::clone(lineage)),
            })
            .collect();
        let jobs = self.tell(&mut state, now, None, Event::Expanded { task, assistants });
        self.note(&mut state, Observation::Process { process: Process::Expansion, took });
        jobs
    }

    /// Any other event.
    pub(crate) fn event(&self, now: Duration, event: Event) -> Vec<Job> {
        self.tell(&mut self.lock(), now, None, event)
    }

    /// Puts a control message into the mailboxes of all running tasks with this id.
    pub(crate) fn deliver(&self, id: &str, control: &Arc<Control>) -> Vec<Job> {
        let mut state = self.lock();
        let State { tasks, by_id, calls, observations, .. } = &mut *state;
        let mut jobs = Vec::new();
        let mut dropped = VecDeque::new();
        for key in by_id.get(id).into_iter().flatten() {
            let errands = &mut tasks.get_mut(key).expect("ids lead to tasks that run").errands;
            dropped.extend(errands.deliver(Arc::clone(control), self.mailbox));
            calls.post(*key, errands);
        }
        if calls.sends() {
            jobs.push(Job::Errands);
        }
        if !dropped.is_empty() {
            observations.push(Observation::ControlMessagesDropped { count: dropped.len() });
            self.unheard.store(true, Ordering::Release);
            jobs.push(Job::Bury(Box::new(Grave::Letters(dropped))));
        }
        jobs
    }

    /// The thread of a lane could not be started.
    pub(crate) fn lane_failed(&self, lane: LaneId) {
        self.lock().lanes.abandon(lane);
    }

    /// Notes something that the monitors are to be told in turn.
    pub(crate) fn observe(&self, observation: Observation) {
        self.observe_all([observation]);
    }

    pub(crate) fn observe_all(&self, observations: impl IntoIterator<Item = Observation>) {
        let mut state = self.lock();
        state.observations.extend(observations);
        self.unheard.store(true, Ordering::Release);
    }

    /// Time has passed, and the monitors are told how the slots are used though it be as before. Not once the server is
    /// closed.
    pub(crate) fn beat(&self, now: Duration) -> Vec<Job> {
        let mut state = self.lock();
        let State { tasks, calls, stranded, .. } = &mut *state;
        calls.loses_patience();
        for task in stranded.drain(..) {
            if let Some(Entry { errands, .. }) = tasks.get_mut(&task) {
                calls.resume(task, errands);
            }
        }
        // By this the scheduler's clock comes to be no earlier than what is told.
        let jobs = self.tell(&mut state, now, None, Event::TimePassed);
        if !state.closed {
            let usage = state.scheduler.usage();
            self.note(&mut state, Observation::Slots(usage));
        }
        jobs
    }

    /// Takes what the monitors are to be told next, after more is put at the end.
    pub(crate) fn take_observations(&self, more: Vec<Observation>) -> Vec<Observation> {
        let mut state = self.lock();
        self.unheard.store(false, Ordering::Release);
        let mut observations = std::mem::take(&mut state.observations);
        drop(state);
        observations.extend(more);
        observations
    }

    pub(crate) fn has_observations(&self) -> bool {
        // Of one that leaves an observation and then finds another telling, and that other, which has just ended its
        // turn and looks once more, at least one sees what the other did.
        fence(Ordering::SeqCst);
        self.unheard.load(Ordering::Acquire)
    }

    /// When the scheduler is next to be told the time. From here on the alarm rings if that comes nearer.
    pub(crate) fn arm(&self) -> Option<Duration> {
        let mut state = self.lock();
        state.armed = state.scheduler.deadline();
        state.armed
    }

    /// How many more requests would be given a slot.
    pub(crate) fn available(&self) -> usize {
        self.lock().scheduler.available()
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.lock().healthy
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn note(&self, state: &mut State, observation: Observation) {
        state.observations.push(observation);
        self.unheard.store(true, Ordering::Release);
    }

    /// Hands an event in, and applies what comes of it.
    fn tell(&self, state: &mut State, now: Duration, lane: Option<LaneId>, event: Event) -> Vec<Job> {
        let available = state.scheduler.available();
        state.scheduler.handle(event, now);
        let mut jobs = state.apply(lane, &self.alarm, now);
        if state.scheduler.available() != available {
            jobs.push(Job::Room);
        }
        if !state.observations.is_empty() {
            self.unheard.store(true, Ordering::Release);
        }
        let deadline = state.scheduler.deadline();
        if deadline.is_some_and(|deadline| state.armed.is_none_or(|armed| deadline < armed)) {
            state.armed = deadline;
            self.alarm.rearm();
        }
        jobs
    }
}

impl State {
    fn enter(&mut self, arrival: Arrival) -> TaskKey {
        let Arrival { task, details, lineage, message, attempt, lease_lost, .. } = arrival;
        let entry = Entry {
            task,
            details,
            lineage,
            attempt,
            lease_lost,
            message: Some(message),
            run: None,
            errands: Errands::default(),
        };
        self.insert(entry)
    }

    fn enter_assistant(&mut self, task: BoxTask, details: TaskDetails, lineage: Arc<Lineage>) -> TaskKey {
        let lease_lost = Arc::default();
        let errands = Errands::default();
        self.insert(Entry {
            task,
            details,
            lineage,
            attempt: 1,
            lease_lost,
            message: None,
            run: None,
            errands,
        })
    }

    fn insert(&mut self, entry: Entry) -> TaskKey {
        self.last_key += 1;
        let key = TaskKey(self.last_key);
        self.tasks.insert(key, entry);
        key
    }

    /// The run of a task is over: no control message reaches it any more. Returns those that it has not read, and what is
    /// left of the run.
    fn leave(&mut self, key: TaskKey) -> (VecDeque<Arc<Control>>, Option<Running>) {
        let Some(entry) = self.tasks.get_mut(&key) else { return (VecDeque::new(), None) };
        let run = entry.run.take();
        let unread = entry.errands.clear();
        self.calls.withdraw(&mut entry.errands);
        let id = &entry.details.id;
        if let Some(tasks) = self.by_id.get_mut(id) {
            tasks.remove(&key);
            if tasks.is_empty() {
                self.by_id.remove(id);
            }
        }
        (unread, run)
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}
