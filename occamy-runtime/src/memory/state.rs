//! What the broker holds: requests, who has which, and who waits for one.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use occamy_core::Headers;
use tokio::time::Instant;

use super::deliveries::InFlight;
use super::effects::Effects;
use super::faults::Pending;
use super::link::Link;
use super::stats::{Counts, DeadLetter, Stats};
use super::timers::{Timer, Timers};

/// Everything behind the broker's lock. Requests, deliveries, connections and places in the line of those who wait are
/// numbered from one counter.
pub(super) struct State {
    /// Requests that wait, by age: one that comes back keeps its own.
    pub(super) ready: BTreeMap<u64, Stored>,
    /// Those that were handed out, by delivery.
    pub(super) in_flight: BTreeMap<u64, InFlight>,
    pub(super) links: BTreeMap<u64, Link>,
    /// The connections that can be given a request: by their place in the line, then their number.
    waiting: BTreeSet<(u64, u64)>,
    pub(super) dead: Vec<DeadLetter>,
    pub(super) timers: Timers,
    pub(super) effects: Effects,
    pub(super) faults: Pending,
    pub(super) counts: Counts,
    /// How long it takes to publish and to settle.
    pub(super) latency: RangeInclusive<Duration>,
    rng: Rng,
    last_number: u64,
}

/// A request, as the broker keeps it.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) id: u64,
    pub(super) headers: Arc<Headers>,
    pub(super) body: Bytes,
    pub(super) attempt: u32,
    pub(super) deliveries: u32,
    pub(super) handed_back: Option<HandedBack>,
}

/// Who had a request and gave it back: others go before that one.
#[derive(Clone, Copy, Debug)]
pub(super) struct HandedBack {
    pub(super) link: u64,
    pub(super) delivery: u64,
    /// For the moment only others can have it.
    pub(super) kept: bool,
}

/// A request on its way to a server.
pub(super) struct Handout {
    pub(super) delivery: u64,
    pub(super) request: Stored,
}

impl State {
    pub(super) fn new(latency: RangeInclusive<Duration>) -> Self {
        Self {
            ready: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            links: BTreeMap::new(),
            waiting: BTreeSet::new(),
            dead: Vec::new(),
            timers: Timers::default(),
            effects: Effects::default(),
            faults: Pending::default(),
            counts: Counts::default(),
            latency,
            // The same for every broker, so that a test on paused time goes the same way twice.
            rng: Rng::with_seed(0),
            last_number: 0,
        }
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// A random part of a duration.
    pub(super) fn part_of(&mut self, duration: Duration) -> Duration {
        duration.mul_f64(self.rng.f64())
    }

    /// How long the next settlement or message is to take.
    pub(super) fn draw_latency(&mut self) -> Duration {
        let (from, to) = (*self.latency.start(), *self.latency.end());
        from.saturating_add(self.part_of(to.saturating_sub(from)))
    }

    /// Stores a new request.
    pub(super) fn store(&mut self, headers: Headers, body: Bytes, attempt: u32) {
        let (id, headers) = (self.next_number(), Arc::new(headers));
        self.counts.sent += 1;
        self.ready.insert(id, Stored { id, headers, body, attempt, deliveries: 0, handed_back: None });
    }

    /// A connection may have begun or ceased to be one that can be given a request.
    pub(super) fn waiting_changed(&mut self, id: u64) {
        let Some(link) = self.links.get(&id) else { return };
        let Some(since) = link.waits_since else { return };
        if link.can_take() {
            self.waiting.insert((since, id));
        } else {
            self.waiting.remove(&(since, id));
        }
    }

    /// Hands out requests, the oldest first, each to the server that has waited longest of those that can have it.
    pub(super) fn hand_out(&mut self) {
        while let Some((request, link)) = self.match_up() {
            let mut request = self.ready.remove(&request).expect("it was just found there");
            request.deliveries += 1;
            request.handed_back = None;
            self.counts.delivered += 1;
            let delivery = self.next_number();
            let taker = self.links.get_mut(&link).expect("who waits is connected");
            taker.handout = Some(Handout { delivery, request: request.clone() });
            self.effects.wake(&taker.requests);
            let server = Arc::clone(&taker.name);
            self.in_flight.insert(delivery, InFlight::new(request, link, server));
            self.waiting_changed(link);
        }
    }

    /// A request and who is to have it. Looks past no more requests than have just been handed back.
    fn match_up(&self) -> Option<(u64, u64)> {
        if self.waiting.is_empty() || self.faults.stopped {
            return None;
        }
        self.ready.values().find_map(|request| {
            let mut takers = self.waiting.iter().map(|&(_, link)| link);
            let taker = match request.handed_back {
                None => takers.next(),
                Some(HandedBack { link: last, kept, .. }) => {
                    let other = takers.find(|&link| link != last);
                    // Whoever waits, and is no other, is the last one.
                    if kept { other } else { other.or(Some(last)) }
                }
            };
            taker.map(|taker| (request.id, taker))
        })
    }

    /// Does what is due.
    pub(super) fn pass_time(&mut self, now: Instant) {
        while let Some(timer) = self.timers.take_due(now) {
            match timer {
                Timer::Return(request) => {
                    self.ready.insert(request.id, request);
                }
                Timer::Share { request, delivery } => {
                    let request = self.ready.get_mut(&request);
                    if let Some(last) = request.and_then(|request| request.handed_back.as_mut()) {
                        last.kept &= last.delivery != delivery;
                    }
                }
                Timer::LeasesEnd { link, cut } => {
                    if self.links.get(&link).is_some_and(|link| link.cut && link.cuts == cut) {
                        self.expire(link);
                    }
                }
            }
        }
    }

    /// True if every request is settled for good.
    pub(super) fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.in_flight.is_empty() && self.timers.held_back() == 0
    }

    pub(super) fn stats(&self) -> Stats {
        let mut in_flight = BTreeMap::new();
        for delivery in self.in_flight.values() {
            *in_flight.entry(Arc::clone(&delivery.server)).or_default() += 1;
        }
        Stats {
            queued: self.ready.len(),
            delayed: self.timers.held_back(),
            in_flight,
            dead: self.dead.len(),
            counts: self.counts,
        }
    }
}
