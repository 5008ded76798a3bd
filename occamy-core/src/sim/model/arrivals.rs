//! What arrives: requests, offers, withdrawals, and what comes late or twice.

use std::time::Duration;

use super::{Expected, Seen, Turn};
use crate::scheduler::{DropReason, Offer, Request, StopReason};
use crate::sim::coverage::Reached;
use crate::sim::truth::{Family, Kind, Place, Task};
use crate::sim::violation::Violation;
use crate::{ErrorKind, LateEvent, OfferEnd};

impl Turn<'_> {
    pub(super) fn request(&mut self, key: u64, request: &Request) -> Result<(), Violation> {
        if self.repeated(key) {
            return Ok(());
        }
        if self.truth.draining {
            self.coverage.reach(Reached::RefusedWhileDraining);
            self.ledger.settle(key, Expected::BUSY);
            self.ledger.drop(key, DropReason::Draining);
            return Ok(());
        }
        let kind = Kind::Request { attempt: request.attempt, max_run: request.max_run };
        self.enter(key, key, kind, Place::Waiting);
        self.found_family(key, request.weight.get(), false);
        if self.truth.empty() > 0 {
            return self.start(key, None, "an empty slot is taken at once");
        }
        let being_freed = self.truth.stopping_victims().count();
        let may_overlap = self.truth.leftovers() < self.truth.config.eviction_overlap;
        if may_overlap && being_freed > 0 {
            return self.leave_oldest();
        }
        if being_freed >= self.truth.waiting() {
            self.coverage.reach(Reached::WaitOnSurplus);
            return Ok(());
        }
        let Some(victim) = self.truth.best_victim().map(|task| task.key) else {
            self.refuse(key);
            return Ok(());
        };
        self.stop(victim, StopReason::Evicted, "victim")?;
        self.coverage.reach(Reached::Eviction);
        if may_overlap {
            return self.leave_oldest();
        }
        if self.truth.waiting() >= 3 {
            self.coverage.reach(Reached::EvictionBurst);
        }
        Ok(())
    }

    pub(super) fn offer(&mut self, key: u64, offer: &Offer) {
        if self.repeated(key) {
            return;
        }
        let (count, bytes) = self.truth.offers_held();
        let config = &self.truth.config;
        let refused = Expected::failed(ErrorKind::TaskNotAdded);
        let expired = offer.deadline.is_some_and(|deadline| deadline <= self.truth.now);
        let full = count >= config.max_offers || bytes.saturating_add(offer.bytes) > config.max_offer_bytes;
        let (verdict, end, reason) = if self.truth.draining {
            (refused, OfferEnd::Draining, DropReason::Draining)
        } else if expired {
            self.coverage.reach(Reached::OfferExpiredOnArrival);
            (Expected::DONE, OfferEnd::Expired, DropReason::Expired)
        } else if full {
            self.coverage.reach(Reached::OfferRefused);
            (refused, OfferEnd::Refused, DropReason::Refused)
        } else {
            self.ledger.settle(key, Expected::DONE);
            let kind = Kind::Offer { deadline: offer.deadline, bytes: offer.bytes };
            self.enter(key, key, kind, Place::Queued);
            return self.found_family(key, offer.weight.get(), true);
        };
        if let Some(error) = verdict.error() {
            self.ledger.see(Seen::Failed(error));
        }
        self.ledger.settle(key, verdict);
        self.ledger.drop(key, reason);
        self.ledger.see(Seen::OfferDropped(end));
    }

    pub(super) fn withdrawn(&mut self, key: u64) {
        match self.truth.task(key).map(|task| (task.is_request(), task.place)) {
            Some((true, Place::Waiting)) => {
                self.coverage.reach(Reached::WithdrawnWaiting);
                self.ledger.settle(key, Expected::INTERRUPTED);
                self.forget(key, DropReason::Withdrawn);
            }
            Some((true, _)) => self.coverage.reach(Reached::WithdrawnRunning),
            _ => self.late(LateEvent::Withdrawal),
        }
    }

    /// Notes the key of an arrival, and tells whether it was used before.
    pub(super) fn repeated(&mut self, key: u64) -> bool {
        if self.truth.greatest_key.is_some_and(|greatest| key <= greatest) {
            self.late(LateEvent::Arrival);
            return true;
        }
        self.truth.greatest_key = Some(key);
        false
    }

    pub(super) fn late(&mut self, event: LateEvent) {
        self.coverage.reach(match event {
            LateEvent::Arrival => Reached::LateArrival,
            LateEvent::Withdrawal => Reached::LateWithdrawal,
            LateEvent::End => Reached::LateEnd,
            LateEvent::Answer => Reached::LateAnswer,
        });
        self.ledger.see(Seen::Late(event));
    }

    pub(super) fn enter(&mut self, key: u64, root: u64, kind: Kind, place: Place) {
        self.truth.tasks.push(Task {
            key,
            root,
            kind,
            place,
            wedged: false,
            born: 0,
            arrived: self.truth.now,
            started: Duration::ZERO,
            stop: None,
            ask: None,
            declined: false,
            lag_at_arrival: self.truth.lag,
            wedges_seen: 0,
        });
    }

    fn found_family(&mut self, root: u64, weight: u32, external: bool) {
        let weight = u64::from(weight);
        self.truth.families.push(Family { root, weight, external, asked: None, resting: false });
    }
}
