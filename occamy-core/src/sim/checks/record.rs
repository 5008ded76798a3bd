//! The rules that the actions keep by themselves, whatever the policy: followed with a record that shares nothing with the
//! model.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::scheduler::{Action, DropReason, Event, StopReason};
use crate::sim::violation::{Violation, ensure};
use crate::{LateEvent, Observation, OutcomeKind, SlotStatus, VerdictKind};

/// What the actions alone have told so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    tasks: BTreeMap<u64, Life>,
    greatest_key: Option<u64>,
    /// Who was started in each slot last, if it has neither ended nor left.
    slots: BTreeMap<u32, u64>,
    grace_ends: Option<Duration>,
    closed: bool,
    now: Duration,
}

/// What the actions alone have told of one task.
#[derive(Clone, Debug, Default)]
struct Life {
    request: bool,
    assistant: bool,
    slot: Option<u32>,
    running: bool,
    protected: bool,
    stopped: bool,
    completed: bool,
    settled: bool,
}

impl Record {
    /// Checks the actions that answered an event. Called for every event, in order.
    pub(crate) fn follow(
        &mut self,
        event: &Event,
        now: Duration,
        actions: &[Action],
    ) -> Result<(), Violation> {
        self.now = self.now.max(now);
        self.note_event(event);
        for action in actions {
            self.action(action).map_err(|violation| Violation {
                detail: format!("{}, by {action:?}", violation.detail),
                ..violation
            })?;
        }
        self.late_changes_nothing(event, actions)
    }

    /// The keys that have arrived and were not dropped.
    pub(crate) fn undropped(&self) -> impl Iterator<Item = u64> {
        self.tasks.keys().copied()
    }

    fn note_event(&mut self, event: &Event) {
        match event {
            Event::RequestArrived { task, .. } => {
                self.arrive(task.0, Life { request: true, ..Life::default() });
            }
            Event::OfferArrived { task, .. } => self.arrive(task.0, Life::default()),
            Event::Expanded { assistants, .. } => {
                for assistant in assistants {
                    self.arrive(assistant.task.0, Life { assistant: true, ..Life::default() });
                }
            }
            Event::Finished { task, outcome } => {
                if let Some(life) = self.tasks.get_mut(&task.0).filter(|life| life.running) {
                    life.running = false;
                    life.completed = outcome.kind() == OutcomeKind::Completed;
                    if let Some(slot) = life.slot.take() {
                        self.slots.remove(&slot);
                    }
                }
            }
            Event::ShutDown { grace } => {
                let ends = self.now.saturating_add(*grace);
                self.grace_ends = Some(self.grace_ends.map_or(ends, |before| before.min(ends)));
            }
            _ => {}
        }
    }

    fn arrive(&mut self, key: u64, life: Life) {
        // A key that was used before is a repetition, and arrives nowhere.
        if self.greatest_key.is_none_or(|greatest| key > greatest) {
            self.greatest_key = Some(key);
            self.tasks.insert(key, life);
        }
    }

    fn life(&mut self, key: u64) -> Result<&mut Life, Violation> {
        let known = self.tasks.get_mut(&key);
        known
            .ok_or_else(|| Violation::new("no action names a dropped or unknown task", format!("task {key}")))
    }

    fn action(&mut self, action: &Action) -> Result<(), Violation> {
        let (now, grace_ends, closed) = (self.now, self.grace_ends, self.closed);
        match action {
            Action::Start { task, slot, status } => {
                ensure(grace_ends.is_none(), "no start after shutdown", || format!("task {}", task.0))?;
                let former = self.slots.insert(slot.0, task.0);
                ensure(former.is_none(), "a start follows the former occupant's end or leaving", || {
                    format!("slot {} still has task {former:?}", slot.0)
                })?;
                let life = self.life(task.0)?;
                ensure(!life.running, "a task runs once at a time", || format!("task {}", task.0))?;
                ensure(life.request == (*status == SlotStatus::Protected), "status", || format!("{status}"))?;
                (life.running, life.stopped, life.completed) = (true, false, false);
                life.protected = *status == SlotStatus::Protected;
                life.slot = Some(slot.0);
            }
            Action::Stop { task, reason } => {
                let life = self.life(task.0)?;
                ensure(life.running, "only a running task is stopped", || format!("task {}", task.0))?;
                ensure(!life.stopped, "at most one stop a start", || format!("task {}", task.0))?;
                life.stopped = true;
                let allowed = !life.protected
                    || *reason == StopReason::Overran
                    || *reason == StopReason::ShutDown && grace_ends.is_some_and(|ends| ends <= now);
                ensure(allowed, "no stop of a protected task before the grace deadline", || {
                    format!("task {}", task.0)
                })?;
            }
            Action::Leave { task, slot } => {
                let life = self.life(task.0)?;
                let may = life.running && life.stopped && life.slot == Some(slot.0);
                ensure(may, "only a stopping task leaves its slot", || format!("task {}", task.0))?;
                life.slot = None;
                self.slots.remove(&slot.0);
            }
            Action::Expand { task, limit } => {
                ensure(grace_ends.is_none(), "no expand after shutdown", || format!("task {}", task.0))?;
                ensure(*limit > 0, "expansion limit", || String::from("asked for none"))?;
                let life = self.life(task.0)?;
                let may = life.running && !life.stopped;
                ensure(may, "only a running task is asked", || format!("task {}", task.0))?;
            }
            Action::Settle { task, verdict } => {
                let life = self.life(task.0)?;
                ensure(!life.assistant, "an assistant has no message", || format!("task {}", task.0))?;
                ensure(!life.settled, "each message gets exactly one verdict", || {
                    format!("task {}", task.0)
                })?;
                life.settled = true;
                let done = verdict.kind() == VerdictKind::Done;
                ensure(
                    !life.request || !done || life.completed,
                    "an ack only for a task that completed",
                    || format!("task {}", task.0),
                )?;
            }
            Action::Drop { task, .. } => {
                let life = self.life(task.0)?;
                let settled = life.settled || life.assistant;
                ensure(settled, "each message gets exactly one verdict", || format!("task {}", task.0))?;
                ensure(!life.running, "a task that runs is not dropped", || format!("task {}", task.0))?;
                self.tasks.remove(&task.0);
            }
            Action::Closed => {
                ensure(grace_ends.is_some() && !closed, "closed once, after a shutdown", String::new)?;
                self.closed = true;
            }
            Action::Observe(_) => {}
        }
        Ok(())
    }

    /// A late or repeated event is counted, and the assistants that a late answer brings are dropped; nothing else.
    fn late_changes_nothing(&self, event: &Event, actions: &[Action]) -> Result<(), Violation> {
        let late =
            |kind: LateEvent| move |action: &Action| *action == Action::Observe(Observation::Late(kind));
        let lateness = match event {
            Event::RequestArrived { .. } | Event::OfferArrived { .. } => LateEvent::Arrival,
            Event::RequestWithdrawn { .. } => LateEvent::Withdrawal,
            Event::Finished { .. } => LateEvent::End,
            Event::Expanded { .. } => LateEvent::Answer,
            _ => return Ok(()),
        };
        if !actions.iter().any(late(lateness)) {
            return Ok(());
        }
        let harmless = |action: &Action| match action {
            Action::Observe(Observation::Late(_)) => true,
            Action::Drop { reason: DropReason::Refused, .. } => lateness == LateEvent::Answer,
            Action::Observe(Observation::AssistantsDropped { .. }) => lateness == LateEvent::Answer,
            _ => false,
        };
        let harmful = actions.iter().find(|action| !harmless(action));
        ensure(harmful.is_none(), "a late event changes nothing but a counter", || format!("{harmful:?}"))
    }
}
