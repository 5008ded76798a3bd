//! The broker's side of a connection with a server: what it waits for, what it has, and whether it can be reached.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use occamy_core::transport::Observer;
use occamy_core::{Headers, Observation};
use tokio::sync::Notify;

use super::state::{Handout, State};

/// A connection, as the broker knows it.
pub(super) struct Link {
    pub(super) name: Arc<str>,
    pub(super) observer: Observer,
    /// Notified when there is a request for it, or none to come any more.
    pub(super) requests: Arc<Notify>,
    /// Notified when there is a control message for it, or none to come any more.
    pub(super) controls: Arc<Notify>,
    /// How many more requests it would start now, while it asks for one.
    pub(super) credit: Option<usize>,
    /// Since when it has wanted one, as a number that grows. It stays while the server asks anew.
    pub(super) waits_since: Option<u64>,
    /// How many of its requests are being settled and count against its credit until that is done.
    pub(super) settling: usize,
    /// A request that was handed out and not yet taken.
    pub(super) handout: Option<Handout>,
    pub(super) control_queue: VecDeque<(Arc<Headers>, Bytes)>,
    /// It gets no more requests.
    pub(super) drained: bool,
    /// It has ended.
    pub(super) closed: bool,
    /// The server has forgotten it. It is still here because the broker can't know that while it is cut.
    pub(super) gone: bool,
    /// The broker can't be reached through it.
    pub(super) cut: bool,
    /// How often it was cut.
    pub(super) cuts: u64,
}

impl Link {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            observer: Observer::default(),
            requests: Arc::default(),
            controls: Arc::default(),
            credit: None,
            waits_since: None,
            settling: 0,
            handout: None,
            control_queue: VecDeque::new(),
            drained: false,
            closed: false,
            gone: false,
            cut: false,
            cuts: 0,
        }
    }

    /// True if it has asked for a request and can be given one.
    pub(super) fn can_take(&self) -> bool {
        let ended = self.drained || self.closed || self.cut;
        !ended && self.handout.is_none() && self.credit.is_some_and(|credit| credit > self.settling)
    }
}

impl State {
    /// A server asks for a request, and would start so many: the request, or `None` if none will come any more, once
    /// that is known.
    pub(super) fn next_request(&mut self, id: u64, credit: usize) -> Option<Option<Handout>> {
        let now = self.next_number();
        let Some(link) = self.links.get_mut(&id) else { return Some(None) };
        link.credit = Some(credit);
        link.waits_since.get_or_insert(now);
        self.waiting_changed(id);
        self.hand_out();
        let link = self.links.get_mut(&id)?;
        let handout = link.handout.take();
        if handout.is_some() {
            link.credit = None;
            link.waits_since = None;
        }
        let ended = (link.drained || link.closed).then_some(None);
        handout.map(Some).or(ended)
    }

    /// A server no longer asks. What was handed out to it and not taken goes to others, as if nothing had been.
    pub(super) fn stop_asking(&mut self, id: u64) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.credit = None;
        if let Some(handout) = link.handout.take() {
            self.take_back(&handout);
        }
        self.waiting_changed(id);
    }

    /// A server is to get no more requests.
    pub(super) fn drain(&mut self, id: u64) {
        self.stop_asking(id);
        if let Some(link) = self.links.get_mut(&id) {
            link.drained = true;
            self.effects.wake(&link.requests);
        }
    }

    /// A connection ends. What is unsettled is its no more, and goes to others as soon as the broker knows.
    pub(super) fn close(&mut self, id: u64) {
        self.drain(id);
        if let Some(link) = self.links.get_mut(&id) {
            link.closed = true;
            self.effects.wake(&link.controls);
        }
        self.abandon(id);
    }

    /// A server has forgotten its connection.
    pub(super) fn forget(&mut self, id: u64) {
        self.close(id);
        if let Some(link) = self.links.get_mut(&id) {
            link.gone = true;
            link.control_queue.clear();
        }
        self.remove_gone();
    }

    /// The broker has learnt which connections are gone.
    pub(super) fn remove_gone(&mut self) {
        self.links.retain(|_, link| !link.gone || link.cut);
    }

    /// Gives a control message to every server.
    pub(super) fn fan_out(&mut self, headers: Headers, body: &Bytes, bound: usize) {
        let headers = Arc::new(headers);
        for link in self.links.values_mut().filter(|link| !link.closed) {
            if link.control_queue.len() >= bound {
                link.control_queue.pop_front();
                self.counts.controls_dropped += 1;
                let dropped = Observation::ControlMessagesDropped { count: 1 };
                self.effects.tell(link.observer.clone(), dropped);
            }
            link.control_queue.push_back((Arc::clone(&headers), body.clone()));
            self.effects.wake(&link.controls);
        }
    }

    /// The next control message for a server. `None` if none will come any more.
    pub(super) fn next_control(&mut self, id: u64) -> Option<Option<(Arc<Headers>, Bytes)>> {
        let stopped = self.faults.stopped;
        let Some(link) = self.links.get_mut(&id) else { return Some(None) };
        let ended = link.closed.then_some(None);
        if stopped || link.cut {
            return ended;
        }
        link.control_queue.pop_front().map(Some).or(ended)
    }

    /// Tells the observers of all connections what has become of them.
    pub(super) fn announce(&mut self) {
        for link in self.links.values_mut().filter(|link| !link.closed) {
            if let Some(event) = link.observer.turn(!self.faults.stopped && !link.cut) {
                self.effects.tell(link.observer.clone(), Observation::Broker(event));
            }
        }
    }
}
