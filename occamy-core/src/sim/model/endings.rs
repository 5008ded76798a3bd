//! How tasks end: the table of endings written out once more, requeued offers, wedged slots, and who gets a freed slot.

use super::{Expected, Seen, Turn};
use crate::scheduler::{DropReason, StopReason};
use crate::sim::coverage::Reached;
use crate::sim::truth::{Kind, Place, Rebalancing, Task};
use crate::sim::violation::Violation;
use crate::{ErrorKind, LateEvent, OfferEnd, Outcome};

impl Turn<'_> {
    pub(super) fn finished(&mut self, key: u64, outcome: &Outcome) -> Result<(), Violation> {
        let Some(task) = self.truth.task(key).filter(|task| task.is_active()).cloned() else {
            self.late(LateEvent::End);
            return Ok(());
        };
        let now = self.truth.now;
        let (status, stopping) = (self.truth.status(&task), task.stop.map(|stop| now - stop.at));
        self.ledger.see(Seen::Finished(key, status, outcome.kind(), now - task.started, stopping));
        self.ask_lapses(key);
        let mut returns = false;
        if task.wedged {
            self.coverage.reach(Reached::WedgeEnded);
            self.forget(key, DropReason::Ended);
        } else {
            returns = self.settle_end(&task, outcome);
        }
        if task.is_running() {
            self.truth.touch(task.root);
        }
        match task.place {
            Place::Slot(slot) => self.slot_freed(slot, key)?,
            _ if self.truth.waiting() > 0 => self.leave_oldest()?,
            _ => {}
        }
        if returns {
            // Only now, or it would be handed the very slot that it made free for another offer.
            self.coverage.reach(Reached::OfferReturned);
            let task = self.truth.task_mut(key).expect("an offer that returns is not forgotten");
            *task = Task { place: Place::Queued, stop: None, arrived: now, ..*task };
        }
        Ok(())
    }

    /// What becomes of an ended task and its message. True for an offer that goes back to the queue.
    fn settle_end(&mut self, task: &Task, outcome: &Outcome) -> bool {
        match task.kind {
            Kind::Request { attempt, .. } => {
                let verdict = self.verdict(task, attempt, outcome);
                if let Outcome::Panicked(error) | Outcome::NotStarted(error) = outcome {
                    self.ledger.see(Seen::Failed(error.kind()));
                } else if let Some(error) = verdict.error() {
                    self.ledger.see(Seen::Failed(error));
                }
                self.ledger.settle(task.key, verdict);
                self.forget(task.key, DropReason::Ended);
            }
            Kind::Offer { deadline, .. } => {
                self.record_unprotected(task, outcome);
                if task.stop.is_none() || matches!(outcome, Outcome::Completed) {
                    self.forget(task.key, DropReason::Ended);
                } else if self.truth.shutting_down() {
                    self.ledger.see(Seen::OfferDropped(OfferEnd::Draining));
                    self.forget(task.key, DropReason::Draining);
                } else if deadline.is_some_and(|deadline| deadline <= self.truth.now) {
                    self.coverage.reach(Reached::OfferExpired);
                    self.ledger.see(Seen::OfferDropped(OfferEnd::Expired));
                    self.forget(task.key, DropReason::Expired);
                } else {
                    // It is nowhere until its slot has been handed on.
                    self.truth.task_mut(task.key).expect("it was there a moment ago").place = Place::Held;
                    return true;
                }
            }
            Kind::Assistant => {
                self.record_unprotected(task, outcome);
                self.forget(task.key, DropReason::Ended);
            }
        }
        false
    }

    fn record_unprotected(&mut self, task: &Task, outcome: &Outcome) {
        match outcome {
            Outcome::Panicked(error) | Outcome::NotStarted(error) => {
                self.ledger.see(Seen::Failed(error.kind()));
            }
            Outcome::Failed(error) if task.stop.is_none() => self.ledger.see(Seen::Failed(error.kind())),
            _ => {}
        }
    }

    /// What becomes of a request's message.
    fn verdict(&mut self, task: &Task, attempt: u32, outcome: &Outcome) -> Expected {
        let limits = self.truth.config.limits;
        let last = attempt >= limits.max_attempts;
        if matches!(outcome, Outcome::Completed) {
            return Expected::DONE;
        }
        if task.stop.is_some_and(|stop| stop.reason == StopReason::Overran) {
            // It had its time. It can't be helped by trying again.
            return match outcome {
                Outcome::NotStarted(_) => Expected::BUSY,
                Outcome::Failed(error) | Outcome::Panicked(error) => Expected::failed(error.kind()),
                _ => Expected::failed(ErrorKind::InvalidTask),
            };
        }
        if task.stop.is_some() || self.truth.draining {
            self.coverage.reach(Reached::Requeue);
            return Expected::INTERRUPTED;
        }
        let (error, delay) = match outcome {
            Outcome::NotStarted(_) => return Expected::BUSY,
            Outcome::Panicked(error) => return Expected::failed(error.kind()),
            Outcome::Failed(error) => (error.kind(), error.retry_delay(limits.retry_delay)),
            _ => (ErrorKind::TaskInterrupted, Some(limits.retry_delay)),
        };
        match delay {
            Some(_) if last => {
                self.coverage.reach(Reached::AttemptsSpent);
                Expected::failed(error)
            }
            Some(delay) => {
                self.coverage.reach(Reached::Retry);
                Expected::retry(error, delay)
            }
            None => Expected::failed(error),
        }
    }

    /// A stopped task did not end in time.
    pub(super) fn wedge(&mut self, key: u64) -> Result<(), Violation> {
        let task = self.truth.task(key).expect("only a known task wedges").clone();
        self.ledger.see(Seen::Wedged(key, self.truth.status(&task)));
        self.ledger.see(Seen::Failed(ErrorKind::TaskNotKilled));
        self.coverage.reach(if task.place == Place::Left { Reached::LeftoverWedged } else { Reached::Wedge });
        self.truth.task_mut(key).expect("it was there a moment ago").wedged = true;
        match task.kind {
            Kind::Request { .. } => {
                let overran = task.stop.is_some_and(|stop| stop.reason == StopReason::Overran);
                let verdict =
                    if overran { Expected::failed(ErrorKind::InvalidTask) } else { Expected::INTERRUPTED };
                self.ledger.settle(key, verdict);
            }
            Kind::Offer { .. } => self.ledger.see(Seen::OfferDropped(OfferEnd::NotKilled)),
            Kind::Assistant => {}
        }
        if matches!(self.truth.rebalancing, Rebalancing::Moving { victim, .. } if victim == key) {
            self.drop_held();
        }
        if !task.is_request() && task.place != Place::Left {
            self.replace_victim()?;
        }
        Ok(())
    }

    /// After a victim wedged: another one for the waiter it was for, or the youngest waiter is refused.
    fn replace_victim(&mut self) -> Result<(), Violation> {
        for task in self.truth.tasks.iter_mut().filter(|task| task.place == Place::Waiting) {
            task.wedges_seen += 1;
        }
        if self.truth.waiting() <= self.truth.stopping_victims().count() {
            return Ok(());
        }
        if let Some(victim) = self.truth.best_victim().map(|task| task.key) {
            self.coverage.reach(Reached::SecondVictim);
            return self.stop(victim, StopReason::Evicted, "second victim");
        }
        let youngest = self.truth.youngest_waiter().expect("there are more waiters than none");
        self.coverage.reach(Reached::RefusedAfterWedge);
        self.refuse(youngest);
        Ok(())
    }

    /// A slot became empty: the oldest waiter takes it, else whom a rebalancing was for.
    pub(super) fn slot_freed(&mut self, slot: usize, occupant: u64) -> Result<(), Violation> {
        self.truth.slots[slot] = None;
        let was_for = match self.truth.rebalancing {
            Rebalancing::Moving { victim, held } if victim == occupant => Some(held),
            _ => None,
        };
        if let Some(waiter) = self.truth.oldest_waiter() {
            if was_for.is_some() {
                self.coverage.reach(Reached::RebalancingOvertaken);
                self.drop_held();
            }
            return self.start(waiter, Some(slot), "a freed slot serves the oldest waiter");
        }
        let Some(held) = was_for else { return Ok(()) };
        self.truth.rebalancing = Rebalancing::No;
        self.coverage.reach(Reached::Rebalanced);
        match held {
            Some(held) => self.start(held, Some(slot), "rebalancing"),
            None => {
                self.purge_expired();
                match self.truth.queue().first() {
                    Some(&offer) => self.start(offer, Some(slot), "rebalancing"),
                    None => Ok(()),
                }
            }
        }
    }

    /// The rebalancing that was under way comes to nothing.
    pub(super) fn drop_held(&mut self) {
        if let Rebalancing::Moving { held: Some(held), .. } = self.truth.rebalancing {
            self.ledger.drop_assistants(1);
            self.forget(held, DropReason::Refused);
        }
        self.truth.rebalancing = Rebalancing::No;
    }
}
