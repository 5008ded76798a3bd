//! One simulated server: a scheduler, what it should be doing, and the tasks that it believes to be running.

use std::collections::BTreeMap;
use std::time::Duration;

use super::checks::{self, Record};
use super::coverage::{Coverage, Reached};
use super::model;
use super::truth::Truth;
use super::violation::{Violation, ensure};
use crate::Observation;
use crate::scheduler::{Action, Config, Event, Scheduler};

/// A server.
#[derive(Debug)]
pub(crate) struct Host {
    /// Never used again.
    pub(crate) id: u64,
    /// When it started. Its own time counts from then.
    born: Duration,
    next_key: u64,
    pub(crate) bench: Bench,
    /// What runs, by key.
    pub(crate) runs: BTreeMap<u64, Run>,
}

/// A scheduler beside what is true of it: every event goes to both, and every rule is checked.
#[derive(Clone, Debug)]
pub(crate) struct Bench {
    pub(crate) scheduler: Scheduler,
    pub(crate) truth: Truth,
    pub(crate) record: Record,
}

/// A task that was started.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// Changes whenever it becomes clear that the task will end at another time, or it is another run.
    pub(crate) plan: u64,
    pub(crate) stopped: bool,
}

impl Host {
    pub(crate) fn new(id: u64, config: Config, born: Duration) -> Result<Self, Violation> {
        Ok(Self { id, born, next_key: 1, bench: Bench::new(config)?, runs: BTreeMap::new() })
    }

    pub(crate) fn new_key(&mut self) -> u64 {
        self.next_key += 1;
        self.next_key - 1
    }

    /// The greatest key handed out so far.
    pub(crate) const fn greatest_key(&self) -> u64 {
        self.next_key - 1
    }

    /// The world's time as this server counts it.
    pub(crate) fn time(&self, world: Duration) -> Duration {
        world.saturating_sub(self.born)
    }

    /// When its scheduler wants to be called, in the world's time.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.bench.scheduler.deadline().map(|deadline| self.born.saturating_add(deadline))
    }

    pub(crate) fn kill_timeout(&self) -> Duration {
        self.bench.truth.config.kill_timeout
    }

    pub(crate) fn available(&self) -> usize {
        self.bench.scheduler.available()
    }
}

impl Bench {
    pub(crate) fn new(config: Config) -> Result<Self, Violation> {
        let mut scheduler = Scheduler::new(config.clone())
            .map_err(|error| Violation::new("a sound configuration is accepted", error.to_string()))?;
        let truth = Truth::new(config);
        let (first, second) = (scheduler.poll_action(), scheduler.poll_action());
        let told = first == Some(Action::Observe(Observation::Slots(truth.usage()))) && second.is_none();
        ensure(told, "usage is published at the start", || format!("{first:?}, {second:?}"))?;
        Ok(Self { scheduler, truth, record: Record::default() })
    }

    /// Lets an event happen, and checks everything.
    pub(crate) fn step(
        &mut self,
        event: &Event,
        now: Duration,
        actions: &mut Vec<Action>,
        coverage: &mut Coverage,
    ) -> Result<(), Violation> {
        if now < self.truth.now {
            coverage.reach(Reached::BackwardClock);
        }
        let before = self.truth.usage();
        self.truth.advance(now, self.scheduler.deadline());
        self.scheduler.handle(event.clone(), now);
        actions.clear();
        while let Some(action) = self.scheduler.poll_action() {
            actions.push(action);
            ensure(actions.len() < 100_000, "actions come to an end", || format!("{:?}", actions.last()))?;
        }
        self.record.follow(event, now, actions)?;
        model::step(&mut self.truth, event, actions, coverage)?;
        checks::state(&before, &self.truth, &self.scheduler, event, actions)
    }

    /// Nothing is left: nobody waits, nothing runs, nothing was forgotten.
    pub(crate) fn is_idle(&self) -> Result<(), Violation> {
        let left = self.record.undropped().next();
        ensure(left.is_none(), "every task is dropped in the end", || format!("task {left:?}"))?;
        let usage = self.scheduler.usage();
        ensure(
            usage.empty == usage.slots() && usage.waiting == 0 && usage.leftovers == 0,
            "idle in the end",
            || format!("{usage:?}"),
        )
    }
}
