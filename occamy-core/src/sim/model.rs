//! The reference model: predicts, from the events alone, what the scheduler must do.
//!
//! It is slow and simple on purpose, and shares nothing with the scheduler but the public data types. From the
//! scheduler it takes what is left to its choice, which is only in which of several empty slots a task starts;
//! everything else it predicts. Two streams are compared on their own: what happens in the slots (start, stop, leave,
//! expand), and what becomes of the messages and tasks (settle, drop, closed). The observations are compared as a set.

mod arrivals;
mod endings;
mod expansion;
mod ledger;
mod rebalancing;
mod shutdown;
mod timers;

use super::coverage::{Coverage, Reached};
use super::truth::{Place, Stop, Task, Truth};
use super::violation::{Violation, ensure};
use crate::ErrorKind;
use crate::scheduler::{Action, DropReason, Event, SlotId, StopReason};
use ledger::{Expected, Ledger, Seen};

/// Follows one event, at the time that the truth says it is, with the actions that answered it, and tells whether these
/// are the ones they had to be.
pub(crate) fn step(
    truth: &mut Truth,
    event: &Event,
    actions: &[Action],
    coverage: &mut Coverage,
) -> Result<(), Violation> {
    let mut turn = Turn { truth, actions, at: 0, ledger: Ledger::default(), coverage };
    turn.event(event)?;
    turn.close();
    if let Some(action) = turn.peek() {
        return Err(Violation::new("unforeseen action", format!("nothing calls for {action:?}")));
    }
    turn.ledger.compare(actions)
}

/// One event being followed.
struct Turn<'a> {
    truth: &'a mut Truth,
    actions: &'a [Action],
    at: usize,
    ledger: Ledger,
    coverage: &'a mut Coverage,
}

impl Turn<'_> {
    fn event(&mut self, event: &Event) -> Result<(), Violation> {
        match event {
            Event::RequestArrived { task, request } => self.request(task.0, request)?,
            Event::OfferArrived { task, offer } => self.offer(task.0, offer),
            Event::RequestWithdrawn { task } => self.withdrawn(task.0),
            Event::Finished { task, outcome } => self.finished(task.0, outcome)?,
            Event::Expanded { task, assistants } => self.answered(task.0, assistants)?,
            Event::ExpandNow => self.round(),
            Event::TimePassed => self.time_passed()?,
            Event::Drain => self.truth.draining = true,
            Event::ShutDown { grace } => self.shut_down(*grace)?,
        }
        self.expand()?;
        self.rebalance()?;
        // A victim of rebalancing may have been asked, and slots been kept for its answer.
        self.expand()
    }

    // The scheduler's side: what happens in the slots, in the order in which it must happen.

    fn peek(&mut self) -> Option<&Action> {
        let is_policy = |action: &Action| {
            !matches!(
                action,
                Action::Observe(_) | Action::Settle { .. } | Action::Drop { .. } | Action::Closed
            )
        };
        while self.actions.get(self.at).is_some_and(|action| !is_policy(action)) {
            self.at += 1;
        }
        self.actions.get(self.at)
    }

    fn next(&mut self) -> Option<&Action> {
        self.peek()?;
        self.at += 1;
        self.actions.get(self.at - 1)
    }

    /// A task starts, in the given slot or in any empty one.
    fn start(&mut self, key: u64, slot: Option<usize>, rule: &'static str) -> Result<(), Violation> {
        let now = self.truth.now;
        let task = self.truth.task(key).expect("only a known task starts");
        let (status, wait, root) = (self.truth.status(task), now - task.arrived, task.root);
        let slot = match self.next() {
            Some(&Action::Start { task, slot: SlotId(at), status: as_what })
                if task.0 == key && as_what == status && slot.is_none_or(|slot| slot == at as usize) =>
            {
                at as usize
            }
            other => return Err(Violation::expected(rule, format!("start of {key} as {status}"), other)),
        };
        ensure(self.truth.slots.get(slot) == Some(&None), "a start needs an empty slot", || {
            format!("task {key} starts in slot {slot}, of {:?}", self.truth.slots)
        })?;
        self.truth.slots[slot] = Some(key);
        self.truth.starts += 1;
        let born = self.truth.starts;
        let task = self.truth.task_mut(key).expect("it was there a moment ago");
        *task = Task {
            place: Place::Slot(slot),
            born,
            started: now,
            declined: false,
            stop: None,
            ask: None,
            ..*task
        };
        self.truth.touch(root);
        self.ledger.see(Seen::Started(key, slot, status, wait));
        Ok(())
    }

    fn stop(&mut self, key: u64, reason: StopReason, rule: &'static str) -> Result<(), Violation> {
        match self.next() {
            Some(&Action::Stop { task, reason: why }) if task.0 == key && why == reason => {
                self.stopped(key, reason);
                Ok(())
            }
            other => Err(Violation::expected(rule, format!("stop of {key}, {}", reason.as_str()), other)),
        }
    }

    fn stopped(&mut self, key: u64, reason: StopReason) {
        let now = self.truth.now;
        let task = self.truth.task(key).expect("only a running task is stopped");
        let (status, root) = (self.truth.status(task), task.root);
        self.ledger.see(Seen::Stopping(key, status, reason, now - task.started));
        self.ask_lapses(key);
        let task = self.truth.task_mut(key).expect("it was there a moment ago");
        task.stop = Some(Stop { reason, at: now });
        self.truth.touch(root);
    }

    /// The victim that was stopped first leaves its slot while it winds down, and the oldest waiter starts there.
    fn leave_oldest(&mut self) -> Result<(), Violation> {
        let victim = self.truth.oldest_stopping_victim().expect("called when a victim is stopping");
        let Some(Place::Slot(slot)) = self.truth.task(victim).map(|task| task.place) else {
            unreachable!("a stopping victim occupies a slot");
        };
        match self.next() {
            Some(&Action::Leave { task, slot: at }) if task.0 == victim && at.0 as usize == slot => {}
            other => {
                return Err(Violation::expected("overlap", format!("{victim} leaves slot {slot}"), other));
            }
        }
        self.coverage.reach(Reached::Leftover);
        self.truth.task_mut(victim).expect("a victim is known").place = Place::Left;
        self.slot_freed(slot, victim)
    }

    fn refuse(&mut self, key: u64) {
        self.coverage.reach(Reached::Refusal);
        self.ledger.settle(key, Expected::BUSY);
        self.ledger.see(Seen::Failed(ErrorKind::TaskNotAdded));
        self.forget(key, DropReason::Refused);
    }

    /// The last that is heard of a task.
    fn forget(&mut self, key: u64, reason: DropReason) {
        self.ledger.drop(key, reason);
        let Some(at) = self.truth.tasks.iter().position(|task| task.key == key) else { return };
        let root = self.truth.tasks.remove(at).root;
        if self.truth.tasks.iter().all(|task| task.root != root) {
            self.truth.families.retain(|family| family.root != root);
        }
    }
}
