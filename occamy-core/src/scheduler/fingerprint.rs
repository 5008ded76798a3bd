//! One state of the scheduler as numbers, the same for states that differ only in names and in absolute time.
//!
//! For exhaustive exploration: keys and starts are replaced by their rank, times by their distance from now. What only
//! the monitors could tell apart, such as how long a task has run, is left out.

use std::collections::BTreeSet;
use std::time::Duration;

use super::clock::Timer;
use super::rebalancing::Rebalancing;
use super::shutdown::Phase;
use super::slots::{Slot, Successor};
use super::task::{Origin, Place, Purpose, Site, Start, Stop};
use super::{Scheduler, TaskKey};

impl Scheduler {
    /// The state as numbers. Two schedulers of the same settings with the same fingerprint behave alike for ever.
    pub fn fingerprint(&self) -> Vec<u64> {
        let mut print = Fingerprint {
            now: self.clock.now(),
            keys: self.tasks.iter().flat_map(|(&key, task)| [key, task.family]).collect::<BTreeSet<_>>(),
            starts: self
                .tasks
                .values()
                .filter_map(|task| match task.place {
                    Place::Running { start, .. } => Some(start),
                    _ => None,
                })
                .collect(),
            numbers: Vec::with_capacity(128),
        };
        self.print_phase(&mut print);
        self.print_tasks(&mut print);
        for (_, state) in self.slots.iter() {
            print.slot(state);
        }
        print.numbers.extend(self.slots.stack().iter().map(|slot| u64::from(slot.0)));
        self.families.fingerprint(&mut print);
        for (at, timer) in self.clock.iter() {
            print.time(at);
            print.timer(timer);
        }
        print.numbers
    }

    fn print_phase(&self, print: &mut Fingerprint) {
        match self.phase {
            Phase::Open => print.number(0),
            Phase::Draining => print.number(1),
            Phase::Grace { until } => {
                print.number(2);
                print.time(until);
            }
            Phase::Stopping => print.number(3),
            Phase::Closed => print.number(4),
        }
        match self.rebalancing {
            Rebalancing::Idle => print.number(0),
            Rebalancing::Due => print.number(1),
            Rebalancing::Asked(task) => {
                print.number(2);
                print.key(task);
            }
            Rebalancing::Freeing(slot) => {
                print.number(3);
                print.number(u64::from(slot.0));
            }
        }
    }

    fn print_tasks(&self, print: &mut Fingerprint) {
        print.number(self.tasks.len() as u64);
        for (&key, task) in &self.tasks {
            print.key(key);
            print.key(task.family);
            print.number(task.status as u64);
            match task.origin {
                Origin::Request { attempt, max_run } => {
                    print.number(0);
                    print.number(u64::from(attempt));
                    print.number(max_run.map_or(u64::MAX, nanos));
                }
                Origin::Offer { deadline, bytes } => {
                    print.number(1);
                    print.time(deadline.unwrap_or(Duration::MAX));
                    print.number(bytes as u64);
                }
                Origin::Assistant => print.number(2),
            }
            print.place(task.place);
            if let Some(ask) = task.ask {
                print.number(ask.limit as u64);
                print.number(ask.reserved as u64);
                print.time(ask.expires);
                print.number(u64::from(ask.purpose == Purpose::Rebalance));
            } else {
                print.number(0);
            }
        }
    }
}

/// Collects numbers.
#[derive(Debug)]
pub(super) struct Fingerprint {
    now: Duration,
    keys: BTreeSet<TaskKey>,
    starts: BTreeSet<Start>,
    numbers: Vec<u64>,
}

impl Fingerprint {
    pub(super) fn number(&mut self, number: u64) {
        self.numbers.push(number);
    }

    pub(super) fn key(&mut self, key: TaskKey) {
        self.number(self.keys.range(..key).count() as u64);
    }

    /// How many of the running tasks started no later than this.
    pub(super) fn start(&mut self, start: Start) {
        self.number(self.starts.range(..=start).count() as u64);
    }

    pub(super) fn time(&mut self, at: Duration) {
        let distance = if at == Duration::MAX { u64::MAX } else { nanos(at.saturating_sub(self.now)) };
        self.number(distance);
    }

    fn place(&mut self, place: Place) {
        match place {
            Place::Waiting => self.number(0),
            Place::Queued => self.number(1),
            Place::Held => self.number(2),
            Place::Running { slot, start, .. } => {
                self.number(3);
                self.number(u64::from(slot.0));
                self.start(start);
            }
            Place::Stopping { site, stop, .. } => {
                self.number(4);
                self.stopped(site, stop);
                self.time(stop.deadline);
            }
            Place::Wedged { site, stop, .. } => {
                self.number(5);
                self.stopped(site, stop);
            }
        }
    }

    fn stopped(&mut self, site: Site, stop: Stop) {
        match site {
            Site::Slot(slot) => self.number(u64::from(slot.0)),
            Site::Leftover => self.number(u64::MAX),
        }
        self.number(stop.reason as u64);
    }

    fn slot(&mut self, slot: Slot) {
        match slot {
            Slot::Empty => self.number(0),
            Slot::Running(_) => self.number(1),
            Slot::Wedged(_) => self.number(2),
            Slot::Evicting { successor: None, .. } => self.number(3),
            Slot::Evicting { successor: Some(Successor::Offer), .. } => self.number(4),
            Slot::Evicting { successor: Some(Successor::Assistant(task)), .. } => {
                self.number(5);
                self.key(task);
            }
        }
    }

    fn timer(&mut self, timer: Timer) {
        match timer {
            Timer::Grace => self.number(0),
            Timer::Kill(task) => self.named_timer(1, task),
            Timer::MaxRun(task) => self.named_timer(2, task),
            Timer::Answer(task) => self.named_timer(3, task),
            Timer::Cooldown(family) => self.named_timer(4, family),
            Timer::Period => self.number(5),
        }
    }

    fn named_timer(&mut self, kind: u64, key: TaskKey) {
        self.number(kind);
        self.key(key);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
