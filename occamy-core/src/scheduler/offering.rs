//! Offers: taken in within bounds, started when nothing else wants a slot, and dropped when they expire.

use std::sync::Arc;

use super::families::Kin;
use super::shutdown::Phase;
use super::task::{Origin, Place, Task};
use super::{Action, DropReason, Offer, Scheduler, TaskKey};
use crate::{Error, ErrorKind, Observation, OfferEnd, SlotStatus, Verdict};

impl Scheduler {
    pub(super) fn offer_arrived(&mut self, task: TaskKey, offer: Offer) {
        if !self.is_new(task) {
            return;
        }
        let Offer { id, group, weight, deadline, bytes } = offer;
        if self.phase != Phase::Open {
            self.refuse_offer(task, group, OfferEnd::Draining, "the server is draining");
        } else if deadline.is_some_and(|deadline| deadline <= self.clock.now()) {
            self.act(Action::Settle { task, verdict: Verdict::Done });
            self.act(Action::Drop { task, reason: DropReason::Expired });
            self.observe(Observation::OfferDropped { group, end: OfferEnd::Expired });
        } else if !self.offers.admit(bytes, &self.config) {
            self.refuse_offer(task, group, OfferEnd::Refused, "the server holds as many offers as it may");
        } else {
            self.act(Action::Settle { task, verdict: Verdict::Done });
            self.families.found(task, Kin::External, weight);
            let offer = Task {
                family: task,
                id,
                group,
                status: SlotStatus::UnprotectedExternal,
                origin: Origin::Offer { deadline, bytes },
                arrived: self.clock.now(),
                place: Place::Queued,
                ask: None,
            };
            self.tasks.insert(task, offer);
            self.queue_offer(task);
        }
    }

    fn refuse_offer(&mut self, task: TaskKey, group: Arc<str>, end: OfferEnd, why: &'static str) {
        let error = Error::new(ErrorKind::TaskNotAdded, why);
        self.observe(Observation::Failed { group: group.clone(), error: error.clone() });
        self.observe(Observation::OfferDropped { group, end });
        self.act(Action::Settle { task, verdict: Verdict::Failed(error) });
        self.act(Action::Drop { task, reason: end.into() });
    }

    /// Lets an offer wait: a new one, or one that was stopped and has ended.
    pub(super) fn queue_offer(&mut self, key: TaskKey) {
        let now = self.clock.now();
        let task = self.tasks.get_mut(&key).expect("only a known offer is queued");
        task.place = Place::Queued;
        task.arrived = now;
        let Origin::Offer { deadline, .. } = task.origin else { unreachable!("only an offer is queued") };
        self.offers.queue(key, deadline);
    }

    /// Starts offers as long as slots are spare.
    pub(super) fn start_offers(&mut self) {
        while self.spare() > 0 {
            let Some(offer) = self.next_offer() else { return };
            let slot = self.slots.take_empty().expect("a spare slot is empty");
            self.start(offer, slot);
        }
    }

    /// Takes the first offer that is still worth starting.
    pub(super) fn next_offer(&mut self) -> Option<TaskKey> {
        self.purge_offers();
        self.offers.pop()
    }

    /// Drops the offers whose deadline has passed.
    pub(super) fn purge_offers(&mut self) {
        while let Some(offer) = self.offers.pop_expired(self.clock.now()) {
            self.drop_offer(offer, OfferEnd::Expired);
        }
    }

    /// Drops an offer that is neither queued nor in a slot any more.
    pub(super) fn drop_offer(&mut self, offer: TaskKey, end: OfferEnd) {
        self.release_offer(offer);
        let group = self.tasks[&offer].group.clone();
        self.observe(Observation::OfferDropped { group, end });
        self.forget(offer, end.into());
    }

    /// Makes room for another offer.
    pub(super) fn release_offer(&mut self, offer: TaskKey) {
        let Origin::Offer { bytes, .. } = self.tasks[&offer].origin else {
            unreachable!("only an offer is released")
        };
        self.offers.release(bytes);
    }
}

impl From<OfferEnd> for DropReason {
    fn from(end: OfferEnd) -> Self {
        match end {
            OfferEnd::Refused => Self::Refused,
            OfferEnd::Expired => Self::Expired,
            OfferEnd::Draining => Self::Draining,
            OfferEnd::NotKilled => Self::Ended,
        }
    }
}
