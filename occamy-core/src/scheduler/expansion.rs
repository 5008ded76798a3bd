//! Expansion: spare slots go to those who have least, by asking running tasks for assistants and starting offers.
//!
//! A spare slot beside willing work is a bug, so this runs at the end of every event.

use super::clock::Timer;
use super::families::Kin;
use super::rebalancing::Rebalancing;
use super::task::{Ask, Origin, Place, Purpose, Start, Task};
use super::{Action, Assistant, DropReason, Scheduler, TaskKey};
use crate::{LateEvent, Observation, SlotStatus};

impl Scheduler {
    /// Fills spare slots: from internal families, then with offers, then from external families.
    pub(super) fn expand(&mut self) {
        if self.phase.is_shutting_down() {
            return;
        }
        self.ask_families(Kin::Internal);
        self.start_offers();
        self.ask_families(Kin::External);
    }

    /// Empty slots beyond the buffer for which no answer is awaited. None while a request waits, since none is empty.
    pub(super) fn spare(&self) -> usize {
        self.slots.empty().saturating_sub(self.config.expansion_slot_buffer + self.reserved)
    }

    /// The expansion period is over.
    pub(super) fn period_over(&mut self) {
        if let Some(period) = self.config.expansion_period {
            self.clock.set(self.clock.after(period), Timer::Period);
        }
        self.begin_round();
        if self.rebalancing == Rebalancing::Idle {
            self.rebalancing = Rebalancing::Due;
        }
    }

    /// Everybody may be asked again, and offers that expired meanwhile go.
    pub(super) fn begin_round(&mut self) {
        self.families.begin_round(&mut self.clock);
        self.purge_offers();
    }

    fn ask_families(&mut self, kin: Kin) {
        let spare = self.spare();
        if spare == 0 {
            return;
        }
        for (family, limit) in self.families.divide(kin, spare) {
            self.ask(family, limit, Purpose::Fill);
        }
    }

    /// Asks a willing family, and tells whom of it.
    pub(super) fn ask(&mut self, family: TaskKey, limit: usize, purpose: Purpose) -> TaskKey {
        let key = self.families.next_to_ask(family).expect("a willing family has a member to ask");
        let reserved = match purpose {
            Purpose::Fill => limit,
            Purpose::Rebalance => 0,
        };
        let ask = Ask { limit, reserved, expires: self.clock.after(self.config.kill_timeout), purpose };
        let (task, start) = self.running(key).expect("members of families run");
        task.ask = Some(ask);
        self.reserved += reserved;
        self.clock.set(ask.expires, Timer::Answer(key));
        self.families.ask(family, start, key, &mut self.clock);
        self.act(Action::Expand { task: key, limit });
        key
    }

    /// A task answered: what fits is started, the rest dropped.
    pub(super) fn expanded(&mut self, key: TaskKey, assistants: Vec<Assistant>) {
        let mut assistants: Vec<Assistant> =
            assistants.into_iter().filter(|assistant| self.is_new(assistant.task)).collect();
        let Some((family, start, ask)) = self.take_ask(key) else {
            self.late(LateEvent::Answer);
            return self.drop_assistants(assistants);
        };
        let in_full = assistants.len() >= ask.limit;
        self.families.answered(family, start, in_full, &mut self.clock);
        let fitting = self.spare().min(ask.limit).min(assistants.len());
        let mut rest = assistants.split_off(fitting);
        for assistant in assistants {
            let slot = self.slots.take_empty().expect("a spare slot is empty");
            let task = self.adopt(assistant, key);
            self.start(task, slot);
        }
        if self.rebalancing == Rebalancing::Asked(key) {
            self.rebalancing = Rebalancing::Due;
            if fitting > 0 {
                self.rebalancing = Rebalancing::Idle;
            } else if let Some(first) = rest.first()
                && self.free_slot_for_assistant(family, first.task)
            {
                self.adopt(rest.remove(0), key);
            }
        }
        self.drop_assistants(rest);
    }

    /// Takes back the question that a running task was asked, with its reservation.
    fn take_ask(&mut self, key: TaskKey) -> Option<(TaskKey, Start, Ask)> {
        let (task, start) = self.running(key)?;
        let (ask, family) = (task.ask.take()?, task.family);
        self.reserved -= ask.reserved;
        self.clock.cancel(ask.expires, Timer::Answer(key));
        Some((family, start, ask))
    }

    /// Forgets what a task was asked, because it ends or is told to stop. The family learns of that by itself.
    pub(super) fn cancel_ask(&mut self, key: TaskKey) {
        self.take_ask(key);
        self.rebalance_without(key);
    }

    /// Forgets what all tasks were asked: whatever they answer, it comes too late.
    pub(super) fn forget_asks(&mut self) {
        let asked = self.tasks.iter().filter(|(_, task)| task.ask.is_some());
        let asked: Vec<TaskKey> = asked.map(|(&key, _)| key).collect();
        for key in asked {
            let (family, start, _) = self.take_ask(key).expect("only a running task is asked");
            self.families.unasked(family, start, &mut self.clock);
        }
    }

    /// A task has not answered in time: its slots are given to others. What it says later is still heard.
    pub(super) fn answer_overdue(&mut self, key: TaskKey) {
        let (task, _) = self.running(key).expect("the end of a task cancels the timer");
        let family = task.family;
        let ask = task.ask.as_mut().expect("an answer cancels the timer");
        let reserved = std::mem::take(&mut ask.reserved);
        self.reserved -= reserved;
        self.families.overdue(family, &mut self.clock);
        self.rebalance_without(key);
    }

    /// Makes a new assistant a member of the family of the one that created it.
    fn adopt(&mut self, assistant: Assistant, creator: TaskKey) -> TaskKey {
        let creator = &self.tasks[&creator];
        let status = match creator.status {
            SlotStatus::Protected => SlotStatus::UnprotectedInternal,
            unprotected => unprotected,
        };
        let family = creator.family;
        let arrived = self.clock.now();
        self.tasks.insert(
            assistant.task,
            Task {
                family,
                id: assistant.id,
                group: assistant.group,
                status,
                origin: Origin::Assistant,
                arrived,
                place: Place::Held,
                ask: None,
            },
        );
        self.families.grow(family);
        assistant.task
    }

    fn drop_assistants(&mut self, assistants: Vec<Assistant>) {
        if assistants.is_empty() {
            return;
        }
        self.observe(Observation::AssistantsDropped { count: assistants.len() });
        for Assistant { task, .. } in assistants {
            self.act(Action::Drop { task, reason: DropReason::Refused });
        }
    }

    fn running(&mut self, key: TaskKey) -> Option<(&mut Task, Start)> {
        let task = self.tasks.get_mut(&key)?;
        let Place::Running { start, .. } = task.place else { return None };
        Some((task, start))
    }
}
