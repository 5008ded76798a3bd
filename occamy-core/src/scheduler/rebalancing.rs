//! Rebalancing: on the period, one slot goes from the family that has most to the one that has least.

use super::families::Kin;
use super::share::Share;
use super::slots::Successor;
use super::task::{Place, Purpose};
use super::{DropReason, Scheduler, SlotId, StopReason, TaskKey};
use crate::Observation;

/// How far the one exchange of a period has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Rebalancing {
    /// Nothing to do until the next period.
    Idle,
    /// The poorest is still to be found.
    Due,
    /// This task, of the poorest family, was asked for one assistant.
    Asked(TaskKey),
    /// The victim in this slot is stopping.
    Freeing(SlotId),
}

impl Scheduler {
    /// Rebalances, if that is called for. A task that is stopped for it may have been asked, and slots been kept for its
    /// answer: these are spare again.
    pub(super) fn rebalance_if_due(&mut self) {
        if self.rebalancing == Rebalancing::Due {
            self.rebalancing = Rebalancing::Idle;
            // A spare slot will do as well, and requests come first.
            if !self.phase.is_shutting_down() && self.spare() == 0 && self.waiters.is_empty() {
                self.rebalance();
                self.expand();
            }
        }
    }

    /// Finds the poorest family that could use a slot and the richest that has to give one.
    fn rebalance(&mut self) {
        if self.ask_poorest(Kin::Internal) {
            return;
        }
        self.purge_offers();
        if let Some(offer) = self.offers.first() {
            let share = self.families.share(offer);
            if self.free_slot(Kin::External, share, Successor::Offer) {
                return;
            }
        }
        self.ask_poorest(Kin::External);
    }

    /// Asks the poorest family of a class for an assistant, if there is a slot to take for it.
    fn ask_poorest(&mut self, kin: Kin) -> bool {
        let candidate = self.families.poorest(kin).filter(|&(_, share)| self.giver(kin, share).is_some());
        candidate.is_some_and(|(family, _)| {
            let asked = self.ask(family, 1, Purpose::Rebalance);
            self.rebalancing = Rebalancing::Asked(asked);
            true
        })
    }

    /// Frees a slot for the assistant with which the poorest family answered, if things still stand as they did.
    pub(super) fn free_slot_for_assistant(&mut self, family: TaskKey, assistant: TaskKey) -> bool {
        let kin = self.families.kin(family);
        let share = self.families.share(family);
        self.waiters.is_empty() && self.free_slot(kin, share, Successor::Assistant(assistant))
    }

    fn free_slot(&mut self, kin: Kin, share: Share, successor: Successor) -> bool {
        let Some(victim) = self.giver(kin, share) else { return false };
        let Place::Running { slot, .. } = self.tasks[&victim].place else { unreachable!("victims run") };
        self.rebalancing = Rebalancing::Freeing(slot);
        self.stop(victim, StopReason::Rebalanced, Some(successor));
        true
    }

    /// The task whose slot a family with this share may take. Any internal family is poorer than every external one;
    /// otherwise the giver has to be richer even than the taker will be, or the slot would wander back.
    fn giver(&self, kin: Kin, share: Share) -> Option<TaskKey> {
        let richer = |&(_, richest): &(TaskKey, Share)| richest > share.and_one();
        let victim = match (kin, self.families.victim(Kin::External)) {
            (Kin::Internal, None) => self.families.victim(Kin::Internal).filter(richer),
            (Kin::Internal, external) => external,
            (Kin::External, external) => external.filter(richer),
        };
        victim.map(|(task, _)| task)
    }

    /// A task won't answer any more: if it was asked for the poorest family, the next poorest is sought.
    pub(super) fn rebalance_without(&mut self, asked: TaskKey) {
        if self.rebalancing == Rebalancing::Asked(asked) {
            self.rebalancing = Rebalancing::Due;
        }
    }

    /// The slot is free: who starts in it?
    pub(super) fn claim(&mut self, successor: Successor) -> Option<TaskKey> {
        self.rebalancing = Rebalancing::Idle;
        match successor {
            Successor::Assistant(assistant) => Some(assistant),
            Successor::Offer => self.next_offer(),
        }
    }

    /// The slot that was being freed goes to somebody else, or is not freed at all.
    pub(super) fn disappoint(&mut self, successor: Option<Successor>) {
        let Some(successor) = successor else { return };
        self.rebalancing = Rebalancing::Idle;
        if let Successor::Assistant(assistant) = successor {
            self.observe(Observation::AssistantsDropped { count: 1 });
            self.forget(assistant, DropReason::Refused);
        }
    }
}
