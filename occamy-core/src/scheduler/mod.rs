//! The scheduler: a state machine that decides what runs in which slot, and runs nothing itself.
//!
//! Events go in with the time, actions come out, and a deadline says when to call again:
//!
//! ```
//! use std::time::Duration;
//! use occamy_core::SlotStatus;
//! use occamy_core::scheduler::{Action, Config, Event, Request, Scheduler, SlotId, TaskKey};
//!
//! let mut scheduler = Scheduler::new(Config::new(4))?;
//! let request = Request {
//!     id: "demo-1".into(),
//!     group: "demo".into(),
//!     weight: std::num::NonZeroU32::MIN,
//!     max_run: None,
//!     attempt: 1,
//!     handling: Duration::ZERO,
//! };
//! scheduler.handle(Event::RequestArrived { task: TaskKey(1), request }, Duration::from_millis(3));
//! let actions: Vec<Action> = std::iter::from_fn(|| scheduler.poll_action()).collect();
//! assert!(actions.contains(&Action::Start {
//!     task: TaskKey(1),
//!     slot: SlotId(0),
//!     status: SlotStatus::Protected,
//! }));
//! assert!(scheduler.deadline().is_some());
//! # Ok::<(), occamy_core::scheduler::ConfigError>(())
//! ```
//!
//! Hand in one event with [`handle`](Scheduler::handle), carry out every action of
//! [`poll_action`](Scheduler::poll_action) in order, read [`deadline`](Scheduler::deadline) last; then the next event.
//! The same events give the same actions: there is no clock, no thread and no randomness in here. An event costs
//! O(log n) in the number of tasks, and O(1) for each action that comes of it.

mod action;
mod admission;
#[cfg(feature = "sim")]
mod check;
mod clock;
mod config;
mod ending;
mod event;
mod eviction;
mod expansion;
mod families;
#[cfg(feature = "sim")]
mod fingerprint;
mod offering;
mod offers;
mod rebalancing;
mod share;
mod shutdown;
mod slots;
mod task;

pub use action::{Action, DropReason, SlotId, StopReason};
pub use config::{Config, ConfigError};
pub use event::{Assistant, Event, Offer, Request, TaskKey};

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::{LateEvent, Observation, SlotStatus, SlotUsage};
use clock::{Clock, Timer};
use eviction::Leftovers;
use families::Families;
use offers::{OfferUsage, Offers};
use rebalancing::Rebalancing;
use shutdown::Phase;
use slots::Slots;
use task::Task;

/// Decides what runs in which slot. See the [module](self) for how to drive it.
#[derive(Clone, Debug)]
pub struct Scheduler {
    config: Config,
    clock: Clock,
    phase: Phase,
    /// The greatest key seen.
    last_key: Option<TaskKey>,
    next_start: u64,
    tasks: BTreeMap<TaskKey, Task>,
    slots: Slots,
    /// Requests without a slot, oldest first. Never more than `stopping`, and none while a slot is empty.
    waiters: BTreeSet<TaskKey>,
    /// Unprotected tasks that wind down in their slot, by when they count as wedged, which is the order of their stops.
    stopping: BTreeSet<(Duration, TaskKey)>,
    leftovers: Leftovers,
    families: Families,
    offers: Offers,
    /// Empty slots kept for answers that are awaited.
    reserved: usize,
    rebalancing: Rebalancing,
    actions: VecDeque<Action>,
    /// What the monitors know.
    observed: (SlotUsage, OfferUsage),
}

impl Scheduler {
    /// A scheduler whose slots are all empty, at time zero.
    ///
    /// # Errors
    ///
    /// If the settings make no sense together; see [`Config::validate`].
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut clock = Clock::default();
        if let Some(period) = config.expansion_period {
            clock.set(period, Timer::Period);
        }
        let mut scheduler = Self {
            clock,
            phase: Phase::Open,
            last_key: None,
            next_start: 0,
            tasks: BTreeMap::new(),
            slots: Slots::new(config.slots),
            waiters: BTreeSet::new(),
            stopping: BTreeSet::new(),
            leftovers: Leftovers::default(),
            families: Families::default(),
            offers: Offers::default(),
            reserved: 0,
            rebalancing: Rebalancing::Idle,
            actions: VecDeque::new(),
            observed: Default::default(),
            config,
        };
        scheduler.observe_usage();
        Ok(scheduler)
    }

    /// Takes an event that happened at `now`, since the server's start. A time before the last counts as the last.
    ///
    /// Deadlines that have passed are not acted on but by [`Event::TimePassed`]: a task whose end comes in before its
    /// lateness is noticed has ended in time.
    pub fn handle(&mut self, event: Event, now: Duration) {
        self.clock.advance(now);
        match event {
            Event::RequestArrived { task, request } => self.request_arrived(task, request),
            Event::RequestWithdrawn { task } => self.request_withdrawn(task),
            Event::OfferArrived { task, offer } => self.offer_arrived(task, offer),
            Event::Finished { task, outcome } => self.finished(task, outcome),
            Event::Expanded { task, assistants } => self.expanded(task, assistants),
            Event::ExpandNow => self.begin_round(),
            Event::TimePassed => self.time_passed(),
            Event::Drain => self.drain(),
            Event::ShutDown { grace } => self.shut_down(grace),
        }
        self.expand();
        self.rebalance_if_due();
        let closes = self.close_if_done();
        self.observe_usage();
        if closes {
            self.act(Action::Closed);
        }
    }

    /// The next thing to do, if any.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to hand in [`Event::TimePassed`] at the latest, since the server's start. Changes with every event.
    pub fn deadline(&self) -> Option<Duration> {
        self.clock.next()
    }

    /// How many more requests would be given a slot, though some would have to wait for a victim: transports pull by it.
    pub fn available(&self) -> usize {
        if self.phase != Phase::Open {
            return 0;
        }
        let taken = self.slots.occupied_as(SlotStatus::Protected) + self.slots.wedged() + self.waiters.len();
        self.slots.len() - taken
    }

    /// How the slots are used now.
    pub fn usage(&self) -> SlotUsage {
        SlotUsage {
            at: self.clock.now(),
            protected: self.slots.occupied_as(SlotStatus::Protected),
            unprotected_internal: self.slots.occupied_as(SlotStatus::UnprotectedInternal),
            unprotected_external: self.slots.occupied_as(SlotStatus::UnprotectedExternal),
            empty: self.slots.empty(),
            wedged: self.slots.wedged(),
            waiting: self.waiters.len(),
            leftovers: self.leftovers.len(),
            available: self.available(),
            draining: self.phase != Phase::Open,
            healthy: self.slots.wedged() <= self.config.max_wedged_slots.unwrap_or(self.slots.len() / 2),
            closed: self.phase == Phase::Closed,
        }
    }

    fn time_passed(&mut self) {
        while let Some(timer) = self.clock.pop_due() {
            match timer {
                Timer::Grace => self.grace_over(),
                Timer::Kill(task) => self.not_killed(task),
                Timer::MaxRun(task) => self.overran(task),
                Timer::Answer(task) => self.answer_overdue(task),
                Timer::Cooldown(family) => self.families.rested(family, &mut self.clock),
                Timer::Period => self.period_over(),
            }
        }
    }

    /// True if the key is new, as that of an arrival has to be.
    fn is_new(&mut self, task: TaskKey) -> bool {
        if self.last_key.is_some_and(|last| task <= last) {
            self.late(LateEvent::Arrival);
            return false;
        }
        self.last_key = Some(task);
        true
    }

    fn late(&mut self, event: LateEvent) {
        self.observe(Observation::Late(event));
    }

    fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    fn observe(&mut self, observation: Observation) {
        self.act(Action::Observe(observation));
    }

    /// Tells the monitors what has changed since they were last told.
    fn observe_usage(&mut self) {
        let (slots, offers) = (self.usage(), self.offers.usage());
        if offers != self.observed.1 {
            let OfferUsage { queued, held, bytes } = offers;
            self.observe(Observation::Offers { queued, held, bytes });
        }
        if slots != (SlotUsage { at: slots.at, ..self.observed.0 }) {
            self.observe(Observation::Slots(slots));
        }
        self.observed = (slots, offers);
    }
}
