//! What the broker holds: requests, who has which, who waits for one, and what died.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use occamy_core::transport::header;
use occamy_core::{Error, Headers, LeaseWatch, VerdictKind};
use tokio::sync::Notify;
use tokio::time::Instant;

#[derive(Default)]
pub(super) struct State {
    /// Those that wait, oldest first. One that was handed back keeps its age.
    ready: BTreeMap<u64, Stored>,
    /// How many are held back for a while.
    pub(super) delayed: usize,
    /// Those that were handed out.
    in_flight: BTreeMap<u64, InFlight>,
    pub(super) connections: BTreeMap<u64, Connection>,
    pub(super) dead: Vec<DeadLetter>,
    /// Who is to be told of a lost lease, once the lock is free.
    pub(super) lost: Vec<LeaseWatch>,
    pub(super) faults: super::faults::Pending,
    last_id: u64,
    counts: Counts,
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    id: u64,
    pub(super) headers: Headers,
    pub(super) body: Bytes,
    pub(super) attempt: u32,
    pub(super) deliveries: u32,
    /// The connection that gave it back can't have it again before.
    avoid: Option<(u64, Instant)>,
}

struct InFlight {
    request: Stored,
    connection: u64,
    watch: Option<LeaseWatch>,
    /// Nobody will settle it any more: it goes back as soon as the connection is known to be there or gone.
    orphan: bool,
}

/// A server's connection.
pub(super) struct Connection {
    pub(super) name: Arc<str>,
    /// Notified when there is something for it, or nothing more to come.
    pub(super) wake: Arc<Notify>,
    /// It waits for a request.
    pub(super) wants: bool,
    /// What was handed out to it and not yet taken.
    pub(super) inbox: VecDeque<Handout>,
    pub(super) controls: VecDeque<(Headers, Bytes)>,
    /// It gets no more requests.
    pub(super) drained: bool,
    /// It gets nothing more.
    pub(super) closed: bool,
    /// The broker can't be reached through it, since so many cuts.
    pub(super) cut: bool,
    pub(super) cuts: u64,
    /// When it last got a request, as a count of all that were handed out.
    served: u64,
}

/// A request on its way to a server.
pub(super) struct Handout {
    pub(super) delivery: u64,
    pub(super) request: Stored,
}

/// A request that failed for good.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The headers, and beside them why it failed: `occamy-reason`, `occamy-kind`, `occamy-origin` and `occamy-attempt`.
    pub headers: Headers,
    /// The body, as it was sent.
    pub body: Bytes,
    /// Why it failed.
    pub error: Error,
}

/// What a [`MemoryBroker`](super::MemoryBroker) holds and has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests that wait for a server.
    pub queued: usize,
    /// Requests that are held back for a while.
    pub delayed: usize,
    /// Unsettled requests, by the name of the server.
    pub in_flight: BTreeMap<Arc<str>, usize>,
    /// Dead letters that were not taken out.
    pub dead: usize,
    /// How often a request was handed out.
    pub delivered: u64,
    /// How often one was settled as done.
    pub done: u64,
    /// How often one was settled as failed.
    pub failed: u64,
    /// How often one was to be tried again.
    pub retried: u64,
    /// How often one was handed back, interrupted or for want of room.
    pub handed_back: u64,
    /// How often one went back unsettled, because its server or the connection was lost.
    pub redelivered: u64,
    /// Settlements of requests that had gone to others.
    pub stale: u64,
    /// Control messages that were dropped, because the queue of a server was full.
    pub controls_dropped: u64,
}

#[derive(Default)]
struct Counts {
    delivered: u64,
    done: u64,
    failed: u64,
    retried: u64,
    handed_back: u64,
    redelivered: u64,
    stale: u64,
    controls_dropped: u64,
}

impl State {
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Stores a new request.
    pub(super) fn store(&mut self, headers: Headers, body: Bytes) {
        let id = self.next_id();
        self.ready.insert(id, Stored { id, headers, body, attempt: 1, deliveries: 0, avoid: None });
    }

    /// Puts a request back where it was.
    pub(super) fn put_back(&mut self, mut request: Stored, avoid: Option<(u64, Instant)>) {
        request.avoid = avoid;
        self.ready.insert(request.id, request);
    }

    /// Gives a control message to every connection.
    pub(super) fn fan_out(&mut self, headers: &Headers, body: &Bytes, bound: usize) {
        for connection in self.connections.values_mut().filter(|connection| !connection.closed) {
            if connection.controls.len() >= bound.max(1) {
                connection.controls.pop_front();
                self.counts.controls_dropped += 1;
            }
            connection.controls.push_back((headers.clone(), body.clone()));
            connection.wake.notify_waiters();
        }
    }

    /// Hands requests to those who wait for one: the oldest request first, to whom has waited longest for one.
    pub(super) fn hand_out(&mut self, now: Instant) {
        if self.faults.stopped {
            return;
        }
        while let Some((id, connection)) = self.match_up(now) {
            let mut request = self.ready.remove(&id).expect("it was just found there");
            request.deliveries += 1;
            self.counts.delivered += 1;
            let delivery = self.next_id();
            let served = self.counts.delivered;
            let taker = self.connections.get_mut(&connection).expect("it was just found there");
            taker.wants = false;
            taker.served = served;
            taker.inbox.push_back(Handout { delivery, request: request.clone() });
            taker.wake.notify_waiters();
            self.in_flight.insert(delivery, InFlight { request, connection, watch: None, orphan: false });
        }
    }

    fn match_up(&self, now: Instant) -> Option<(u64, u64)> {
        self.ready.values().find_map(|request| {
            let may_have = |id: u64| request.avoid.is_none_or(|(avoid, until)| avoid != id || until <= now);
            self.connections
                .iter()
                .filter(|(id, connection)| connection.can_take() && may_have(**id))
                .min_by_key(|(_, connection)| connection.served)
                .map(|(&connection, _)| (request.id, connection))
        })
    }

    /// Sees to it that `lost` is called when the delivery is no longer the connection's: at once if it isn't now.
    pub(super) fn watch(&mut self, delivery: u64, lost: LeaseWatch) {
        match self.in_flight.get_mut(&delivery) {
            Some(in_flight) => in_flight.watch = Some(lost),
            None => self.lost.push(lost),
        }
    }

    /// Takes a request out, to settle it. `None` if it has gone to others.
    pub(super) fn take(&mut self, delivery: u64) -> Option<Stored> {
        let taken = self.in_flight.remove(&delivery).map(|in_flight| in_flight.request);
        self.counts.stale += u64::from(taken.is_none());
        taken
    }

    pub(super) fn count(&mut self, verdict: VerdictKind) {
        let counts = &mut self.counts;
        let count = match verdict {
            VerdictKind::Done => &mut counts.done,
            VerdictKind::Failed => &mut counts.failed,
            VerdictKind::Retry => &mut counts.retried,
            _ => &mut counts.handed_back,
        };
        *count += 1;
    }

    /// Nobody will settle this delivery: it goes back at once if the connection is there, else when its lease is over.
    pub(super) fn orphan(&mut self, delivery: u64) {
        let Some(in_flight) = self.in_flight.get_mut(&delivery) else { return };
        in_flight.orphan = true;
        let unreachable =
            self.connections.get(&in_flight.connection).is_some_and(|connection| connection.cut);
        if !unreachable && !self.faults.stopped {
            self.redeliver(|in_flight| in_flight.orphan);
        }
    }

    /// The orphans of all connections that can be reached go back.
    pub(super) fn collect_orphans(&mut self) {
        let cut: Vec<u64> =
            self.connections.iter().filter(|(_, connection)| connection.cut).map(|(&id, _)| id).collect();
        self.redeliver(|in_flight| in_flight.orphan && !cut.contains(&in_flight.connection));
    }

    /// The leases of a connection are over.
    pub(super) fn expire(&mut self, connection: u64) {
        self.redeliver(|in_flight| in_flight.connection == connection);
        if let Some(connection) = self.connections.get_mut(&connection) {
            connection.inbox.clear();
        }
    }

    fn redeliver(&mut self, which: impl Fn(&InFlight) -> bool) {
        let which: Vec<u64> =
            self.in_flight.iter().filter(|(_, in_flight)| which(in_flight)).map(|(&id, _)| id).collect();
        for delivery in which {
            let InFlight { request, watch, .. } =
                self.in_flight.remove(&delivery).expect("it was just found there");
            self.counts.redelivered += 1;
            self.lost.extend(watch);
            self.put_back(request, None);
        }
    }

    /// Takes back what was handed out to a connection and not taken.
    pub(super) fn empty_inbox(&mut self, connection: u64, keep: usize) {
        let Some(connection) = self.connections.get_mut(&connection) else { return };
        while connection.inbox.len() > keep {
            let Some(Handout { delivery, mut request }) = connection.inbox.pop_back() else { return };
            self.in_flight.remove(&delivery);
            // Nobody has seen it.
            request.deliveries -= 1;
            self.counts.delivered -= 1;
            self.ready.insert(request.id, request);
        }
    }

    pub(super) fn bury(&mut self, request: Stored, error: Error) {
        let Stored { mut headers, body, attempt, .. } = request;
        headers.insert(header::REASON, error.message().to_owned());
        headers.insert(header::KIND, error.kind().as_str());
        headers.insert(header::ORIGIN, "memory");
        headers.insert(header::ATTEMPT, i64::from(attempt));
        self.dead.push(DeadLetter { headers, body, error });
    }

    pub(super) fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.delayed == 0 && self.in_flight.is_empty()
    }

    pub(super) fn stats(&self) -> Stats {
        let mut in_flight = BTreeMap::new();
        for connection in self.in_flight.values().filter_map(|held| self.connections.get(&held.connection)) {
            *in_flight.entry(Arc::clone(&connection.name)).or_default() += 1;
        }
        let Counts { delivered, done, failed, retried, handed_back, redelivered, stale, controls_dropped } =
            self.counts;
        Stats {
            queued: self.ready.len(),
            delayed: self.delayed,
            in_flight,
            dead: self.dead.len(),
            delivered,
            done,
            failed,
            retried,
            handed_back,
            redelivered,
            stale,
            controls_dropped,
        }
    }
}

impl Connection {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            wake: Arc::new(Notify::new()),
            wants: false,
            inbox: VecDeque::new(),
            controls: VecDeque::new(),
            drained: false,
            closed: false,
            cut: false,
            cuts: 0,
            served: 0,
        }
    }

    fn can_take(&self) -> bool {
        self.wants && !self.drained && !self.closed && !self.cut
    }
}
