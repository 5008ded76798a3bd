//! A server of the simulated fleet that runs Occamy: the scheduler itself, with tasks that only take time.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use occamy_core::Outcome;
use occamy_core::scheduler::{Action, Assistant, Config, Event, Request, Scheduler, TaskKey};

use super::floor::{Floor, Hand, Note};
use super::site::{Delays, Site};

/// A scheduler, and the tasks that it believes to be running.
pub(super) struct Served {
    server: usize,
    delays: Delays,
    scheduler: Scheduler,
    last_key: u64,
    /// Which request each task works on.
    tasks: HashMap<TaskKey, usize>,
    /// When it is to be called next, if that is entered.
    called_at: Option<Duration>,
    name: Arc<str>,
}

impl Served {
    pub(super) fn new(server: usize, slots: usize, delays: Delays) -> Result<Self> {
        Ok(Self {
            server,
            delays,
            scheduler: Scheduler::new(Config::new(slots))?,
            last_key: 0,
            tasks: HashMap::new(),
            called_at: None,
            name: Arc::from(""),
        })
    }

    fn key(&mut self) -> TaskKey {
        self.last_key += 1;
        TaskKey(self.last_key)
    }

    fn handle(&mut self, event: Event, floor: &mut Floor) {
        self.scheduler.handle(event, floor.now);
        while let Some(action) = self.scheduler.poll_action() {
            self.apply(&action, floor);
        }
        let deadline = self.scheduler.deadline();
        if let Some(deadline) = deadline.filter(|&deadline| self.called_at.is_none_or(|at| deadline < at)) {
            self.called_at = Some(deadline);
            floor.tell(self.server, deadline.saturating_sub(floor.now), Note::Deadline);
        }
    }

    fn apply(&mut self, action: &Action, floor: &mut Floor) {
        match *action {
            Action::Start { task, .. } => {
                let request = self.tasks[&task];
                if floor.is_done(request) {
                    // There is nothing left to assist with.
                    floor.tell(self.server, Duration::ZERO, Note::Ended { task, stopped: false });
                } else {
                    floor.join(request, task);
                }
            }
            Action::Stop { task, .. } => {
                floor.leave(self.tasks[&task], task);
                floor.tell(self.server, self.delays.stop, Note::Ended { task, stopped: true });
            }
            Action::Expand { task, limit } => {
                floor.tell(self.server, self.delays.answer, Note::Answered { task, limit });
            }
            Action::Drop { task, .. } => {
                self.tasks.remove(&task);
            }
            // Leftovers are not configured, messages are in memory, and nobody monitors.
            Action::Leave { .. } | Action::Settle { .. } | Action::Observe(_) | Action::Closed => {}
        }
    }

    fn answer(&mut self, task: TaskKey, limit: usize, floor: &mut Floor) {
        // Who has ended meanwhile answers too late.
        let request = self.tasks.get(&task).copied().filter(|&request| !floor.is_done(request));
        let created = request.map_or(0, |_| limit);
        let assistants = (0..created).map(|_| Assistant {
            task: self.key(),
            id: Arc::clone(&self.name),
            group: Arc::clone(&self.name),
        });
        let assistants: Vec<Assistant> = assistants.collect();
        self.tasks.extend(assistants.iter().filter_map(|assistant| Some((assistant.task, request?))));
        self.handle(Event::Expanded { task, assistants }, floor);
    }
}

impl Site for Served {
    fn room(&self) -> usize {
        self.scheduler.available()
    }

    fn has_empty_slot(&self) -> bool {
        self.scheduler.usage().empty > 0
    }

    fn take(&mut self, request: usize, floor: &mut Floor) {
        let task = self.key();
        self.tasks.insert(task, request);
        let request = Request {
            id: Arc::clone(&self.name),
            group: Arc::clone(&self.name),
            weight: NonZeroU32::MIN,
            max_run: None,
            attempt: 1,
            handling: Duration::ZERO,
        };
        self.handle(Event::RequestArrived { task, request }, floor);
    }

    /// The master ends last: it waits for its assistants' pieces.
    fn done(&mut self, _: usize, hands: Vec<Hand>, floor: &mut Floor) {
        for Hand { task, .. } in hands.into_iter().rev() {
            self.handle(Event::Finished { task, outcome: Outcome::Completed }, floor);
        }
    }

    fn told(&mut self, note: Note, floor: &mut Floor) {
        match note {
            Note::Ended { task, stopped } => {
                let outcome = if stopped { Outcome::Interrupted } else { Outcome::Completed };
                self.handle(Event::Finished { task, outcome }, floor);
            }
            Note::Answered { task, limit } => self.answer(task, limit, floor),
            Note::Deadline => {
                self.called_at.take_if(|at| *at <= floor.now);
                // Too early is harmless, and enters the next.
                self.handle(Event::TimePassed, floor);
            }
        }
    }
}
