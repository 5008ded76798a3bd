//! Ends of tasks: what becomes of the message, and of the slot.

use std::time::Duration;

use super::clock::Timer;
use super::shutdown::Phase;
use super::task::{Origin, Place, Site, Stop};
use super::{Action, DropReason, Scheduler, StopReason, TaskKey};
use crate::{Error, Fate, LateEvent, Observation, OfferEnd, Outcome, Verdict};

impl Scheduler {
    pub(super) fn finished(&mut self, key: TaskKey, outcome: Outcome) {
        let Some(task) = self.tasks.get(&key) else { return self.late(LateEvent::End) };
        let (status, origin, family) = (task.status, task.origin, task.family);
        match task.place {
            Place::Waiting | Place::Queued | Place::Held => self.late(LateEvent::End),
            Place::Running { slot, start, since } => {
                self.cancel_ask(key);
                if let Origin::Request { max_run: Some(max_run), .. } = origin {
                    self.clock.cancel(since.saturating_add(max_run), Timer::MaxRun(key));
                }
                self.families.leave(family, start, status.is_unprotected(), &mut self.clock);
                self.observe_end(key, since, None, &outcome);
                self.conclude(key, outcome, None);
                self.slots.vacate(slot, status);
                self.pass_on(slot, None);
            }
            Place::Stopping { site, since, stop } => {
                self.clock.cancel(stop.deadline, Timer::Kill(key));
                self.observe_end(key, since, Some(stop), &outcome);
                let returns = self.conclude(key, outcome, Some(stop.reason));
                match site {
                    Site::Slot(slot) => {
                        self.stopping.remove(&(stop.deadline, key));
                        let successor = self.slots.vacate(slot, status);
                        self.pass_on(slot, successor);
                    }
                    Site::Leftover => {
                        self.leftovers.winding_down -= 1;
                        self.leftover_ended();
                    }
                }
                if returns {
                    // Only now, lest it be handed the very slot that it was to leave to another offer.
                    self.queue_offer(key);
                }
            }
            Place::Wedged { site, since, stop } => {
                // Its message went to another server when it wedged: whatever it did since changes nothing.
                self.observe_end(key, since, Some(stop), &outcome);
                self.forget(key, DropReason::Ended);
                match site {
                    Site::Slot(slot) => {
                        self.slots.unwedge(slot);
                        self.pass_on(slot, None);
                    }
                    Site::Leftover => {
                        self.leftovers.wedged -= 1;
                        self.leftover_ended();
                    }
                }
            }
        }
    }

    /// Settles and forgets an ended task, unless it is an offer that was stopped and goes back to the queue: then true.
    fn conclude(&mut self, key: TaskKey, outcome: Outcome, stop: Option<StopReason>) -> bool {
        match self.tasks[&key].origin {
            Origin::Request { attempt, .. } => {
                let fate = match stop {
                    Some(StopReason::Overran) => Fate::Overran,
                    Some(_) => Fate::Stopped,
                    None if self.phase != Phase::Open => Fate::Stopped,
                    None => Fate::Undisturbed,
                };
                let fault = fault_of(&outcome);
                let verdict = Verdict::on_end(outcome, fate, attempt, self.config.limits);
                self.observe_error(key, fault.or_else(|| verdict.error().cloned()));
                self.act(Action::Settle { task: key, verdict });
                self.forget(key, DropReason::Ended);
            }
            Origin::Offer { deadline, .. } => {
                let returns = stop.is_some() && outcome != Outcome::Completed;
                self.observe_unprotected_error(key, &outcome, stop);
                if !returns {
                    self.release_offer(key);
                    self.forget(key, DropReason::Ended);
                } else if self.phase.is_shutting_down() {
                    self.drop_offer(key, OfferEnd::Draining);
                } else if deadline.is_some_and(|deadline| deadline <= self.clock.now()) {
                    self.drop_offer(key, OfferEnd::Expired);
                } else {
                    return true;
                }
            }
            Origin::Assistant => {
                self.observe_unprotected_error(key, &outcome, stop);
                self.forget(key, DropReason::Ended);
            }
        }
        false
    }

    /// Nobody waits for an unprotected task's word, so its error goes to the monitors or nowhere. After a stop, failing
    /// is no fault; panicking, and not having been started, always is.
    fn observe_unprotected_error(&mut self, key: TaskKey, outcome: &Outcome, stop: Option<StopReason>) {
        let error = match outcome {
            Outcome::Failed(error) if stop.is_none() => Some(error.clone()),
            _ => fault_of(outcome),
        };
        self.observe_error(key, error);
    }

    fn observe_error(&mut self, key: TaskKey, error: Option<Error>) {
        if let Some(error) = error {
            let group = self.tasks[&key].group.clone();
            self.observe(Observation::Failed { group, error });
        }
    }

    fn observe_end(&mut self, key: TaskKey, since: Duration, stop: Option<Stop>, outcome: &Outcome) {
        let task = &self.tasks[&key];
        let now = self.clock.now();
        self.observe(Observation::Finished {
            task: key,
            group: task.group.clone(),
            status: task.status,
            outcome: outcome.kind(),
            ran: now.saturating_sub(since),
            stopping: stop.map(|stop| now.saturating_sub(stop.at)),
            reason: stop.map(|stop| stop.reason),
        });
    }
}

/// The error that is recorded whatever becomes of the message.
fn fault_of(outcome: &Outcome) -> Option<Error> {
    match outcome {
        Outcome::Panicked(error) | Outcome::NotStarted(error) => Some(error.clone()),
        Outcome::Completed | Outcome::Failed(_) | Outcome::Interrupted => None,
    }
}
