//! Scheduler: the paths of the scheduler that requests take, with no runtime around it. One thread, the same steps each
//! round, so that its instructions can be counted.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::ValueEnum;
use occamy_core::Outcome;
use occamy_core::scheduler::{Action, Assistant, Config, Event, Offer, Request, Scheduler, TaskKey};

use crate::record::{Record, nanoseconds_each};

#[derive(clap::Args)]
pub(crate) struct Options {
    path: Path,
    #[arg(long)]
    slots: usize,
    #[arg(long)]
    rounds: usize,
}

/// What happens in each round. At its end the server is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Path {
    /// A request arrives, starts in an empty slot and ends. All slots are empty otherwise, and nobody is asked.
    Request,
    /// The same, and its task is asked for assistants and has none
    Asked,
    /// The same as the first, while requests hold all slots but one
    LastSlot,
    /// One task has assistants in all slots but its own. A request arrives, an assistant is stopped for it and ends, the
    /// request starts and ends, and the slot is refilled
    Eviction,
    /// An offer arrives, starts in an empty slot, is asked and ends before it answers
    Offer,
    /// A call for expansion finds all slots taken
    NothingToExpand,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<Record> {
    let &Options { path, slots, rounds } = options;
    let mut driver = Driver::new(path, slots)?;
    let start = Instant::now();
    for _ in 0..rounds {
        driver.round(path);
    }
    let took = start.elapsed();
    driver.check(path, rounds)?;
    Ok(Record::default().figure("ns_per_round", nanoseconds_each(took, rounds)))
}

/// Hands events in and follows what comes out, with as little around it as can be.
struct Driver {
    scheduler: Scheduler,
    /// A microsecond later with each event, or a family's rest after it was asked would never end.
    now: Duration,
    last_key: u64,
    name: Arc<str>,
    /// The task that has assistants for every slot.
    master: Option<TaskKey>,
    started: usize,
    asks: usize,
    /// What the last events brought about.
    stopped: Option<TaskKey>,
    asked: Option<(TaskKey, usize)>,
}

impl Driver {
    fn new(path: Path, slots: usize) -> anyhow::Result<Self> {
        let mut config = Config::new(slots);
        config.expansion_period = None;
        if matches!(path, Path::Request | Path::LastSlot) {
            config.expansion_slot_buffer = slots - 1;
        }
        let mut driver = Self {
            scheduler: Scheduler::new(config)?,
            now: Duration::ZERO,
            last_key: 0,
            name: Arc::from("bench"),
            master: None,
            started: 0,
            asks: 0,
            stopped: None,
            asked: None,
        };
        let held = match path {
            Path::Request | Path::Asked | Path::Offer => 0,
            Path::LastSlot => slots - 1,
            Path::Eviction => 1,
            Path::NothingToExpand => slots,
        };
        for _ in 0..held {
            let task = driver.arrive();
            driver.master = Some(task);
        }
        if path == Path::Eviction {
            driver.answer_in_full();
        }
        (driver.started, driver.asks) = (0, 0);
        Ok(driver)
    }

    fn round(&mut self, path: Path) {
        match path {
            Path::Request | Path::LastSlot => {
                let task = self.arrive();
                self.finish(task, Outcome::Completed);
            }
            Path::Asked => {
                let task = self.arrive();
                if let Some((asked, _)) = self.asked.take() {
                    self.tell(Event::Expanded { task: asked, assistants: Vec::new() });
                }
                self.finish(task, Outcome::Completed);
            }
            Path::Eviction => {
                // Longer than a family rests after it was asked.
                self.now += Duration::from_millis(2);
                let task = self.arrive();
                if let Some(victim) = self.stopped.take() {
                    self.finish(victim, Outcome::Interrupted);
                }
                self.finish(task, Outcome::Completed);
                self.answer_in_full();
            }
            Path::Offer => {
                let task = self.key();
                let (id, group) = (Arc::clone(&self.name), Arc::clone(&self.name));
                let offer = Offer { id, group, weight: NonZeroU32::MIN, deadline: None, bytes: 256 };
                self.tell(Event::OfferArrived { task, offer });
                self.finish(task, Outcome::Completed);
            }
            Path::NothingToExpand => self.tell(Event::ExpandNow),
        }
    }

    /// Every round was what it is said to be.
    fn check(&self, path: Path, rounds: usize) -> anyhow::Result<()> {
        let each = match path {
            Path::Request | Path::LastSlot => (1, 0),
            Path::Asked | Path::Offer => (1, 1),
            Path::Eviction => (2, 1),
            Path::NothingToExpand => (0, 0),
        };
        let found = (self.started, self.asks);
        let expected = (each.0 * rounds, each.1 * rounds);
        ensure!(
            found == expected,
            "starts and questions of {rounds} rounds: {found:?} instead of {expected:?}"
        );
        Ok(())
    }

    fn arrive(&mut self) -> TaskKey {
        let task = self.key();
        let request = Request {
            id: Arc::clone(&self.name),
            group: Arc::clone(&self.name),
            weight: NonZeroU32::MIN,
            max_run: None,
            attempt: 1,
            handling: Duration::ZERO,
        };
        self.tell(Event::RequestArrived { task, request });
        task
    }

    fn finish(&mut self, task: TaskKey, outcome: Outcome) {
        self.tell(Event::Finished { task, outcome });
    }

    /// The master has as many assistants as it is asked for. Nobody else has any.
    fn answer_in_full(&mut self) {
        while let Some((task, limit)) = self.asked.take() {
            let limit = if self.master == Some(task) { limit } else { 0 };
            let assistants = (0..limit)
                .map(|_| Assistant {
                    task: self.key(),
                    id: Arc::clone(&self.name),
                    group: Arc::clone(&self.name),
                })
                .collect();
            self.tell(Event::Expanded { task, assistants });
        }
    }

    fn tell(&mut self, event: Event) {
        self.now += Duration::from_micros(1);
        self.scheduler.handle(event, self.now);
        while let Some(action) = self.scheduler.poll_action() {
            match action {
                Action::Start { .. } => self.started += 1,
                Action::Stop { task, .. } => self.stopped = Some(task),
                Action::Expand { task, limit } => {
                    self.asks += 1;
                    self.asked = Some((task, limit));
                }
                _ => {}
            }
        }
    }

    fn key(&mut self) -> TaskKey {
        self.last_key += 1;
        TaskKey(self.last_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_of_every_path_is_what_it_is_said_to_be() {
        for &path in Path::value_variants() {
            run(&Options { path, slots: 8, rounds: 100 }).unwrap();
        }
    }
}
