//! Stopping tasks: victims, the slots they free, those who leave early and those who never end.

use super::clock::Timer;
use super::families::Kin;
use super::slots::Successor;
use super::task::{Origin, Place, Site, Stop};
use super::{Action, Scheduler, SlotId, StopReason, TaskKey};
use crate::{Error, ErrorKind, Fate, Observation, OfferEnd, Verdict};

/// Stopped tasks that gave up their slot and still wind down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Leftovers {
    /// Those that may still end in time.
    pub(super) winding_down: usize,
    /// Those that did not.
    pub(super) wedged: usize,
}

impl Leftovers {
    pub(super) fn len(self) -> usize {
        self.winding_down + self.wedged
    }
}

impl Scheduler {
    /// Stops the task that matters least, if any may be stopped. External before internal; then of the family with most
    /// for its weight; then the youngest.
    pub(super) fn evict(&mut self, reason: StopReason, successor: Option<Successor>) -> bool {
        let victim = self.families.victim(Kin::External).or_else(|| self.families.victim(Kin::Internal));
        victim.is_some_and(|(victim, _)| {
            self.stop(victim, reason, successor);
            true
        })
    }

    /// Tells a running task to stop.
    pub(super) fn stop(&mut self, key: TaskKey, reason: StopReason, successor: Option<Successor>) {
        let now = self.clock.now();
        let deadline = self.clock.after(self.config.kill_timeout);
        self.cancel_ask(key);
        let task = self.tasks.get_mut(&key).expect("only a known task is stopped");
        let Place::Running { slot, start, since } = task.place else {
            unreachable!("only a running task is stopped")
        };
        let stop = Stop { at: now, deadline, reason };
        task.place = Place::Stopping { site: Site::Slot(slot), since, stop };
        let (family, status, group) = (task.family, task.status, task.group.clone());
        if let Origin::Request { max_run: Some(max_run), .. } = task.origin {
            self.clock.cancel(since.saturating_add(max_run), Timer::MaxRun(key));
        }
        self.families.leave(family, start, status.is_unprotected(), &mut self.clock);
        self.slots.evict(slot, key, successor);
        if status.is_unprotected() {
            self.stopping.insert((deadline, key));
        }
        self.clock.set(deadline, Timer::Kill(key));
        self.act(Action::Stop { task: key, reason });
        self.observe(Observation::Stopping {
            task: key,
            group,
            status,
            reason,
            ran: now.saturating_sub(since),
        });
    }

    /// A protected task has run as long as it may.
    pub(super) fn overran(&mut self, task: TaskKey) {
        self.stop(task, StopReason::Overran, None);
    }

    /// Lets a victim leave its slot while it winds down, as long as the overlap allows: the one that was stopped first,
    /// or one that is stopped now. Tells which slot it left.
    pub(super) fn make_leftover(&mut self) -> Option<SlotId> {
        if self.leftovers.len() >= self.config.eviction_overlap {
            return None;
        }
        if self.stopping.is_empty() {
            self.evict(StopReason::Evicted, None);
        }
        let (_, victim) = self.stopping.pop_first()?;
        let task = self.tasks.get_mut(&victim).expect("a stopping task is known");
        let Place::Stopping { site, .. } = &mut task.place else { unreachable!("it was listed as stopping") };
        let Site::Slot(slot) = std::mem::replace(site, Site::Leftover) else {
            unreachable!("it was listed as stopping in its slot")
        };
        let status = task.status;
        self.leftovers.winding_down += 1;
        let successor = self.slots.vacate(slot, status);
        self.act(Action::Leave { task: victim, slot });
        self.disappoint(successor);
        Some(slot)
    }

    /// A leftover has ended: if somebody waits, the next victim may become one.
    pub(super) fn leftover_ended(&mut self) {
        if self.waiters.is_empty() {
            return;
        }
        if let Some(slot) = self.make_leftover() {
            self.pass_on(slot, None);
        }
    }

    /// Gives a slot whose occupant is gone to whoever waits longest, else to the one it was freed for, else to nobody.
    pub(super) fn pass_on(&mut self, slot: SlotId, successor: Option<Successor>) {
        if let Some(waiter) = self.waiters.pop_first() {
            self.disappoint(successor);
            self.start(waiter, slot);
            return;
        }
        let next = successor.and_then(|successor| self.claim(successor));
        match next {
            Some(task) => self.start(task, slot),
            None => self.slots.leave_empty(slot),
        }
    }

    /// A stopped task has not ended in time: its message goes to another server, and its slot is lost until it ends.
    pub(super) fn not_killed(&mut self, key: TaskKey) {
        let task = self.tasks.get_mut(&key).expect("a stopping task is known");
        let Place::Stopping { site, since, stop } = task.place else {
            unreachable!("its end cancels the timer")
        };
        task.place = Place::Wedged { site, since, stop };
        let (status, origin, group) = (task.status, task.origin, task.group.clone());
        let error = Error::new(
            ErrorKind::TaskNotKilled,
            format!(
                "the task did not end within {:?} of its stop ({})",
                self.config.kill_timeout,
                stop.reason.as_str()
            ),
        );
        self.observe(Observation::Wedged { task: key, group: group.clone(), status });
        self.observe(Observation::Failed { group: group.clone(), error });
        match origin {
            Origin::Request { .. } => {
                let fate = if stop.reason == StopReason::Overran { Fate::Overran } else { Fate::Stopped };
                self.act(Action::Settle { task: key, verdict: Verdict::on_not_killed(fate) });
            }
            Origin::Offer { bytes, .. } => {
                self.offers.release(bytes);
                self.observe(Observation::OfferDropped { group, end: OfferEnd::NotKilled });
            }
            Origin::Assistant => {}
        }
        match site {
            Site::Slot(slot) => {
                self.stopping.remove(&(stop.deadline, key));
                let successor = self.slots.wedge(slot, key, status);
                self.disappoint(successor);
                self.replace_lost_victims();
            }
            Site::Leftover => {
                self.leftovers.winding_down -= 1;
                self.leftovers.wedged += 1;
            }
        }
    }
}
