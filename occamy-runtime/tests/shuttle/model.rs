//! A server reduced to its desk: what the desk wants done is done by threads of Shuttle's.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::scheduler::{Config, Event, TaskKey};
use occamy_core::{
    AsyncTask, BoxFuture, BoxTask, Error, Headers, Message, Observation, Outcome, Task, TaskContext,
    TaskDetails, TaskKind, Verdict,
};
use shuttle::sync::Mutex;
use shuttle::thread::{self, JoinHandle};
use tokio_util::task::TaskTracker;

use crate::alarm::Alarm;
use crate::desk::{Arrival, Control, Desk, Errand, Job, Lane, LaneId, Next, Run, Since, Visit};
use crate::lineage::Lineage;

/// The id of every task.
const ID: &str = "task";

pub(crate) struct Model {
    desk: Desk,
    clock: AtomicU64,
    closed: AtomicUsize,
    /// How often each message was settled.
    letters: Mutex<Vec<Arc<AtomicUsize>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// How many threads of the pool have come.
    came: AtomicUsize,
}

impl Model {
    pub(crate) fn new(config: Config) -> Arc<Self> {
        let alarm = Arc::new(Alarm::default());
        Arc::new(Self {
            desk: Desk::new(config, 1, alarm, TaskTracker::new()).expect("the settings make sense"),
            clock: AtomicU64::new(0),
            closed: AtomicUsize::new(0),
            letters: Mutex::new(Vec::new()),
            threads: Mutex::new(Vec::new()),
            came: AtomicUsize::new(0),
        })
    }

    /// A thread that plays the world outside.
    pub(crate) fn spawn<T: Send + 'static>(
        self: &Arc<Self>,
        play: impl FnOnce(&Arc<Self>) -> T + Send + 'static,
    ) -> JoinHandle<()> {
        let model = Arc::clone(self);
        thread::spawn(move || drop(play(&model)))
    }

    pub(crate) fn request(self: &Arc<Self>, work: impl Into<BoxTask>) -> TaskKey {
        let (task, jobs) = self.desk.request(self.now(), self.arrival(work.into()));
        self.perform(jobs);
        task
    }

    pub(crate) fn offer(self: &Arc<Self>, work: impl Into<BoxTask>) {
        let jobs = self.desk.offer(self.now(), self.arrival(work.into()), None, 1);
        self.perform(jobs);
    }

    pub(crate) fn control(self: &Arc<Self>) {
        let control = Control { headers: Headers::new(), body: Bytes::new(), origin: None };
        let jobs = self.desk.deliver(ID, &Arc::new(control));
        self.perform(jobs);
    }

    pub(crate) fn event(self: &Arc<Self>, event: Event) {
        let jobs = self.desk.event(self.now(), event);
        self.perform(jobs);
    }

    /// Time passes, and the desk hears of it.
    pub(crate) fn pass(self: &Arc<Self>, time: Duration) {
        let millis = u64::try_from(time.as_millis()).expect("tests take no ages");
        self.clock.fetch_add(millis, Ordering::SeqCst);
        self.event(Event::TimePassed);
    }

    /// Waits until every message is settled.
    pub(crate) fn wait(&self) {
        let settled = || {
            let letters = self.letters.lock().expect("nobody panics");
            letters.iter().all(|settled| settled.load(Ordering::SeqCst) > 0)
        };
        while !settled() {
            thread::yield_now();
        }
    }

    /// Waits for every thread, and looks at what is left. The shutdown has begun.
    pub(crate) fn finish(self: &Arc<Self>) {
        while let Some(thread) = {
            let mut threads = self.threads();
            threads.pop()
        } {
            thread.join().expect("no thread panics");
        }
        assert_eq!(self.closed.load(Ordering::SeqCst), 1, "it closes once");
        for settled in self.letters.lock().expect("nobody panics").iter() {
            assert_eq!(settled.load(Ordering::SeqCst), 1, "each message is settled once");
        }
        let snapshot = self.desk.snapshot(self.now(), crate::desk::IdlePriority::Off);
        assert!(snapshot.tasks.is_empty() && snapshot.queued == 0, "{snapshot:?}");
        assert_eq!(snapshot.usage.empty, snapshot.usage.slots());
        let observations = self.desk.take_observations(Vec::new());
        let count = |what: fn(&Observation) -> bool| observations.iter().filter(|o| what(o)).count();
        assert_eq!(
            count(|o| matches!(o, Observation::Started { .. })),
            count(|o| matches!(o, Observation::Finished { .. })),
            "each start has its end"
        );
    }

    fn arrival(&self, task: BoxTask) -> Arrival {
        let settled = Arc::new(AtomicUsize::new(0));
        self.letters.lock().expect("nobody panics").push(Arc::clone(&settled));
        Arrival {
            received: Duration::ZERO,
            details: task.details(),
            task,
            lineage: Arc::new(lineage()),
            message: Box::new(Letter { headers: Headers::new(), body: Bytes::new(), settled }),
            attempt: 1,
            lease_lost: Arc::new(AtomicBool::new(false)),
        }
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.clock.load(Ordering::SeqCst))
    }

    fn perform(self: &Arc<Self>, jobs: Vec<Job>) {
        assert!(self.perform_here(jobs).is_none(), "this is no thread of a slot");
    }

    fn perform_here(self: &Arc<Self>, jobs: Vec<Job>) -> Option<Run> {
        let mut here = None;
        for job in jobs {
            match job {
                Job::RunHere(run) => {
                    assert!(here.replace(run).is_none(), "a thread runs one task at a time");
                }
                Job::Send(thread, run) => {
                    assert!(thread.send(run).is_ok(), "a slot's thread ends after its sender is gone");
                }
                Job::Spawn(lane, run) => self.start(move |model| model.serve_slot(&lane, run)),
                Job::Future(run) => self.start(move |model| model.poll(&run)),
                Job::Wake(host) => host.wake(),
                Job::Errands => self.start(move |model| model.run_errands()),
                Job::Settle { message, verdict, .. } => {
                    let settled = message.settle(verdict).now_or_never();
                    settled.expect("it doesn't wait").expect("it doesn't fail");
                }
                Job::Bury(grave) => drop(grave),
                Job::Lower { host, .. } => host.lower(),
                Job::Wedged { .. } | Job::Health { .. } | Job::Room => {}
                Job::Closed => {
                    self.closed.fetch_add(1, Ordering::SeqCst);
                }
            }
            // The jobs of others may come in between.
            thread::yield_now();
        }
        here
    }

    fn start(self: &Arc<Self>, body: impl FnOnce(&Arc<Self>) + Send + 'static) {
        let model = Arc::clone(self);
        let thread = thread::spawn(move || body(&model));
        self.threads().push(thread);
    }

    fn threads(&self) -> shuttle::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().expect("nobody panics")
    }

    fn serve_slot(self: &Arc<Self>, lane: &Lane, first: Run) {
        let mut next = Some(first);
        while let Some(run) = next.take().or_else(|| lane.tasks.recv().ok()) {
            next = self.run(lane.id, &run);
        }
    }

    fn run(self: &Arc<Self>, lane: LaneId, run: &Run) -> Option<Run> {
        let TaskKind::Compute(task) = run.task.kind() else { unreachable!("futures are polled") };
        let outcome = if run.cx.is_stopped() { Outcome::Interrupted } else { task.run(&run.cx).into() };
        let jobs = self.desk.finished(self.now(), Some(lane), run.key, outcome);
        self.perform_here(jobs)
    }

    /// As `futures.rs` does.
    fn poll(self: &Arc<Self>, run: &Run) {
        let TaskKind::Async(task) = run.task.kind() else { unreachable!("this is a future") };
        let mut future = task.run(&run.cx);
        let mut rested = false;
        let outcome = loop {
            if run.cx.is_stopped() && !rested {
                break Outcome::Interrupted;
            }
            if let Some(result) = (&mut future).now_or_never() {
                break result.into();
            }
            if !std::mem::replace(&mut rested, true) && self.desk.rests(run.key) {
                self.perform(vec![Job::Errands]);
            }
            thread::yield_now();
        };
        drop(future);
        let jobs = self.desk.finished(self.now(), None, run.key, outcome);
        self.perform(jobs);
    }

    pub(crate) fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }

    fn run_errands(self: &Arc<Self>) {
        self.came.fetch_add(1, Ordering::SeqCst);
        let mut since = Since::Coming;
        loop {
            let visit = match self.desk.next_errand(since) {
                Next::Visit(visit) => visit,
                Next::Nap => {
                    thread::yield_now();
                    since = Since::Nap;
                    continue;
                }
                Next::Go => return,
            };
            let Visit { key, task, host, errand, send_another } = visit;
            if send_another {
                self.start(move |model| model.run_errands());
            }
            match errand {
                Errand::Expand(limit) => {
                    let assistants = task.expand(limit).into_iter();
                    let created = assistants
                        .map(|task| {
                            let details = task.details();
                            (task, details)
                        })
                        .collect();
                    let jobs =
                        self.desk.expanded(self.now(), Duration::ZERO, key, created, &Arc::new(lineage()));
                    self.perform(jobs);
                }
                Errand::Handle(control) => {
                    task.handle(&host.context(), &control.headers, &control.body).expect("it doesn't fail");
                }
            }
            since = Since::Errand(key);
        }
    }
}

fn lineage() -> Lineage {
    Lineage { request_id: Arc::from(""), trace: None, message: None }
}

/// A task that takes some steps, or goes on until it is stopped.
pub(crate) struct Work {
    steps: Option<usize>,
    expands: bool,
    /// It goes on after its stop until this is set.
    until: Option<Arc<AtomicBool>>,
    /// It sets this at its end.
    sets: Option<Arc<AtomicBool>>,
    /// It goes on until it was asked for assistants.
    until_asked: bool,
    /// It goes on until it has heard a control message.
    until_heard: bool,
    asked: AtomicBool,
    heard: AtomicBool,
    /// Somebody calls `expand` or `handle`.
    visited: AtomicBool,
}

/// Work that awaits between its steps.
struct Awaiting(Work);

impl Work {
    pub(crate) fn steps(steps: usize) -> Self {
        Self {
            steps: Some(steps),
            expands: false,
            until: None,
            sets: None,
            until_asked: false,
            until_heard: false,
            asked: AtomicBool::new(false),
            heard: AtomicBool::new(false),
            visited: AtomicBool::new(false),
        }
    }

    pub(crate) fn until_stopped() -> Self {
        Self { steps: None, ..Self::steps(0) }
    }

    pub(crate) fn expanding(self) -> Self {
        Self { expands: true, ..self }
    }

    pub(crate) fn and_until(self, set: &Arc<AtomicBool>) -> Self {
        Self { until: Some(Arc::clone(set)), ..self }
    }

    pub(crate) fn then_set(self, flag: &Arc<AtomicBool>) -> Self {
        Self { sets: Some(Arc::clone(flag)), ..self }
    }

    pub(crate) fn and_until_asked(self) -> Self {
        Self { until_asked: true, ..self }
    }

    pub(crate) fn and_until_heard(self) -> Self {
        Self { until_heard: true, ..self }
    }

    /// The same as a future.
    pub(crate) fn awaiting(self) -> BoxTask {
        BoxTask::future(Awaiting(self))
    }

    /// One step. Tells the end, if this is it.
    fn step(&self, cx: &TaskContext, done: usize) -> Option<Result<(), Error>> {
        if self.steps.is_some_and(|all| done >= all) && self.was_called() {
            if let Some(sets) = &self.sets {
                sets.store(true, Ordering::SeqCst);
            }
            return Some(Ok(()));
        }
        let may_end = self.until.as_ref().is_none_or(|until| until.load(Ordering::SeqCst));
        (cx.is_stopped() && may_end).then(|| Err(Error::interrupted()))
    }

    fn was_called(&self) -> bool {
        (!self.until_asked || self.asked.load(Ordering::SeqCst))
            && (!self.until_heard || self.heard.load(Ordering::SeqCst))
    }

    fn visit<T>(&self, result: T) -> T {
        assert!(!self.visited.swap(true, Ordering::SeqCst), "one call at a time");
        thread::yield_now();
        self.visited.store(false, Ordering::SeqCst);
        result
    }
}

impl Task for Work {
    fn details(&self) -> TaskDetails {
        TaskDetails::new(ID)
    }

    fn run(&self, cx: &TaskContext) -> Result<(), Error> {
        let mut steps = 0;
        loop {
            if let Some(result) = self.step(cx, steps) {
                return result;
            }
            thread::yield_now();
            steps += 1;
        }
    }

    fn expand(&self, limit: usize) -> Vec<BoxTask> {
        self.asked.store(true, Ordering::SeqCst);
        let assistants = if self.expands { limit } else { 0 };
        self.visit((0..assistants).map(|_| Self::until_stopped().into()).collect())
    }

    fn handle(&self, _: &TaskContext, _: &Headers, _: &Bytes) -> Result<(), Error> {
        self.heard.store(true, Ordering::SeqCst);
        self.visit(Ok(()))
    }
}

impl AsyncTask for Awaiting {
    fn details(&self) -> TaskDetails {
        self.0.details()
    }

    fn run<'a>(&'a self, cx: &'a TaskContext) -> BoxFuture<'a, Result<(), Error>> {
        let mut steps = 0;
        Box::pin(poll_fn(move |_| {
            let result = self.0.step(cx, steps);
            steps += 1;
            result.map_or(Poll::Pending, Poll::Ready)
        }))
    }

    fn expand(&self, limit: usize) -> Vec<BoxTask> {
        self.0.expand(limit)
    }

    fn handle(&self, cx: &TaskContext, headers: &Headers, body: &Bytes) -> Result<(), Error> {
        self.0.handle(cx, headers, body)
    }
}

struct Letter {
    headers: Headers,
    body: Bytes,
    settled: Arc<AtomicUsize>,
}

impl Message for Letter {
    fn headers(&self) -> &Headers {
        &self.headers
    }

    fn body(&self) -> &Bytes {
        &self.body
    }

    fn attempt(&self) -> u32 {
        unreachable!("the desk asks nothing of a message")
    }

    fn settle(self: Box<Self>, _: Verdict) -> BoxFuture<'static, Result<(), Error>> {
        self.settled.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(Ok(())))
    }
}
