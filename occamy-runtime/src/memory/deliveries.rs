//! Requests that a server has, and every way in which that ends.

use std::sync::Arc;
use std::time::Duration;

use occamy_core::transport::header;
use occamy_core::{Error, LeaseWatch, Verdict, VerdictKind};
use tokio::time::Instant;

use super::state::{HandedBack, Handout, State, Stored};
use super::stats::DeadLetter;
use super::timers::Timer;

/// A request that was handed out to a server and not yet settled.
pub(super) struct InFlight {
    request: Stored,
    link: u64,
    pub(super) server: Arc<str>,
    /// Whom to tell if the lease is lost.
    watches: Vec<LeaseWatch>,
    /// It is being settled, and counts against the credit of its server.
    settling: bool,
    /// Nobody will settle it. It is still here because the broker can't know that yet.
    orphan: bool,
}

/// Why a settlement changed nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unsettled {
    /// The request has gone back before.
    Stale,
    /// The broker could not be reached.
    Unreachable,
}

impl InFlight {
    pub(super) fn new(request: Stored, link: u64, server: Arc<str>) -> Self {
        Self { request, link, server, watches: Vec::new(), settling: false, orphan: false }
    }
}

impl State {
    /// Sees to it that `lost` is called when a delivery is no longer its server's: at once if it isn't now.
    pub(super) fn watch(&mut self, delivery: u64, lost: LeaseWatch) {
        match self.in_flight.get_mut(&delivery) {
            Some(in_flight) if !in_flight.orphan => in_flight.watches.push(lost),
            _ => self.effects.lose(vec![lost]),
        }
    }

    /// A settlement begins: how long it takes. A busy server is given half to one and a half pauses to be less so.
    pub(super) fn begin_to_settle(
        &mut self,
        delivery: u64,
        verdict: VerdictKind,
        pause: Duration,
    ) -> Duration {
        let mut takes = self.draw_latency();
        if verdict == VerdictKind::Busy {
            takes = takes.saturating_add(pause / 2).saturating_add(self.part_of(pause));
        }
        if !takes.is_zero() {
            self.set_settling(delivery, true);
        }
        takes
    }

    /// Settles a request.
    pub(super) fn settle(
        &mut self,
        delivery: u64,
        verdict: Verdict,
        now: Instant,
        pause: Duration,
    ) -> Result<(), Unsettled> {
        let Some(in_flight) = self.in_flight.get(&delivery).filter(|in_flight| !in_flight.orphan) else {
            self.counts.stale += 1;
            return Err(Unsettled::Stale);
        };
        if !self.reaches(in_flight.link) || self.faults.fails_settlement() {
            return Err(Unsettled::Unreachable);
        }
        self.counts.settled(verdict.kind());
        let (mut request, link) = self.end_delivery(delivery);
        match verdict {
            Verdict::Done => {}
            Verdict::Failed(error) => self.bury(request, error),
            Verdict::Retry { after, .. } => {
                request.attempt = request.attempt.saturating_add(1);
                self.timers.set(now, after, Timer::Return(request));
            }
            Verdict::Busy => {
                request.handed_back = Some(HandedBack { link, delivery, kept: false });
                self.ready.insert(request.id, request);
            }
            // And whatever else there may be one day.
            _ => {
                request.handed_back = Some(HandedBack { link, delivery, kept: true });
                self.timers.set(now, pause, Timer::Share { request: request.id, delivery });
                self.ready.insert(request.id, request);
            }
        }
        Ok(())
    }

    /// Nobody will settle this delivery: it goes back at once if the broker can know, else when it does.
    pub(super) fn orphan(&mut self, delivery: u64) {
        let Some(in_flight) = self.in_flight.get_mut(&delivery) else { return };
        in_flight.orphan = true;
        let link = in_flight.link;
        // Whoever dropped it knows.
        self.effects.drop(std::mem::take(&mut in_flight.watches));
        if self.reaches(link) {
            self.redeliver(delivery);
        }
    }

    /// A connection gives up everything that it has.
    pub(super) fn abandon(&mut self, link: u64) {
        for in_flight in self.in_flight.values_mut().filter(|in_flight| in_flight.link == link) {
            in_flight.orphan = true;
            self.effects.lose(std::mem::take(&mut in_flight.watches));
        }
        self.collect_orphans();
    }

    /// The orphans of all connections that can be reached go back.
    pub(super) fn collect_orphans(&mut self) {
        self.redeliver_all(|state, in_flight| in_flight.orphan && state.reaches(in_flight.link));
    }

    /// The leases of a connection are over.
    pub(super) fn expire(&mut self, link: u64) {
        self.redeliver_all(|_, in_flight| in_flight.link == link);
        if self.links.get(&link).is_some_and(|link| link.gone) {
            self.links.remove(&link);
        }
    }

    /// What a connection has is handed out again, and nobody tells it.
    pub(super) fn expire_silently(&mut self, link: u64) {
        for in_flight in self.in_flight.values_mut().filter(|in_flight| in_flight.link == link) {
            self.effects.drop(std::mem::take(&mut in_flight.watches));
        }
        self.expire(link);
    }

    /// Takes back what was handed out and not taken, as if it had not been.
    pub(super) fn take_back(&mut self, handout: &Handout) {
        if self.in_flight.contains_key(&handout.delivery) {
            let (mut request, _) = self.end_delivery(handout.delivery);
            request.deliveries -= 1;
            self.counts.delivered -= 1;
            self.ready.insert(request.id, request);
        }
    }

    /// True if what a server sends arrives.
    pub(super) fn reaches(&self, link: u64) -> bool {
        !self.faults.stopped && self.links.get(&link).is_none_or(|link| !link.cut)
    }

    fn redeliver_all(&mut self, which: impl Fn(&Self, &InFlight) -> bool) {
        let deliveries = self.in_flight.iter().filter(|(_, in_flight)| which(self, in_flight));
        let deliveries: Vec<u64> = deliveries.map(|(&delivery, _)| delivery).collect();
        for delivery in deliveries {
            self.redeliver(delivery);
        }
    }

    fn redeliver(&mut self, delivery: u64) {
        if let Some(in_flight) = self.in_flight.get_mut(&delivery) {
            self.effects.lose(std::mem::take(&mut in_flight.watches));
            self.counts.redelivered += 1;
            let (request, _) = self.end_delivery(delivery);
            self.ready.insert(request.id, request);
        }
    }

    /// The delivery is over, and its request in the caller's hands.
    fn end_delivery(&mut self, delivery: u64) -> (Stored, u64) {
        self.set_settling(delivery, false);
        let in_flight = self.in_flight.remove(&delivery).expect("the caller has looked");
        self.effects.drop(in_flight.watches);
        if let Some(link) = self.links.get_mut(&in_flight.link) {
            link.handout.take_if(|handout| handout.delivery == delivery);
        }
        self.waiting_changed(in_flight.link);
        (in_flight.request, in_flight.link)
    }

    fn set_settling(&mut self, delivery: u64, settling: bool) {
        let Some(in_flight) = self.in_flight.get_mut(&delivery) else { return };
        let before = std::mem::replace(&mut in_flight.settling, settling);
        let id = in_flight.link;
        if let Some(link) = self.links.get_mut(&id) {
            link.settling += usize::from(settling);
            link.settling -= usize::from(before);
        }
        self.waiting_changed(id);
    }

    fn bury(&mut self, request: Stored, error: Error) {
        let Stored { headers, body, attempt, .. } = request;
        let headers = header::bury(Arc::unwrap_or_clone(headers), &error, ORIGIN, attempt);
        let number = self.next_number();
        self.dead.push(DeadLetter { headers, body, error, number });
    }
}

/// The broker has one queue, which needs a name only in dead letters.
const ORIGIN: &str = "memory";
