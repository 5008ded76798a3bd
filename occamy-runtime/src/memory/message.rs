//! Messages as the embedded broker hands them out.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::{Observer, settlement_error};
use occamy_core::{BoxFuture, BrokerEvent, Error, Headers, LeaseWatch, Message, MessageOrigin, Verdict};
use tokio::time::Instant;

use super::MemoryBroker;
use super::deliveries::Unsettled;
use super::state::{Handout, Stored};

/// What the embedded broker is called in traces.
pub(super) const SYSTEM: &str = "memory";

/// A request that was handed out. Dropped unsettled, it goes back.
pub(super) struct Request {
    broker: MemoryBroker,
    delivery: u64,
    headers: Arc<Headers>,
    body: Bytes,
    attempt: u32,
    deliveries: u32,
    observer: Observer,
    /// There is nothing to give back any more.
    settled: bool,
}

impl Request {
    pub(super) fn new(broker: MemoryBroker, handout: Handout, observer: Observer) -> Self {
        let Handout { delivery, request: Stored { headers, body, attempt, deliveries, .. } } = handout;
        Self { broker, delivery, headers, body, attempt, deliveries, observer, settled: false }
    }

    async fn settle(mut self, verdict: Verdict) -> Result<(), Error> {
        let Self { broker, delivery, .. } = &self;
        let (kind, pause) = (verdict.kind(), broker.settings().pause);
        let takes = broker.change(|state| state.begin_to_settle(*delivery, kind, pause));
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
        let now = Instant::now();
        let settled = broker.change(|state| state.settle(*delivery, verdict, now, pause));
        // What the broker never heard of it is given back when this is dropped.
        self.settled = settled != Err(Unsettled::Unreachable);
        let why = match settled {
            Ok(()) => return Ok(()),
            Err(Unsettled::Unreachable) => "the broker could not be reached: the request is delivered again",
            Err(Unsettled::Stale) => {
                self.observer.event(BrokerEvent::StaleSettlement);
                "the request is no longer this server's: it was handed out again"
            }
        };
        Err(settlement_error(kind, why))
    }
}

impl Message for Request {
    fn headers(&self) -> &Headers {
        &self.headers
    }

    fn body(&self) -> &Bytes {
        &self.body
    }

    fn attempt(&self) -> u32 {
        self.attempt
    }

    fn deliveries(&self) -> Option<u32> {
        Some(self.deliveries)
    }

    fn origin(&self) -> Option<MessageOrigin> {
        Some(MessageOrigin::new(SYSTEM, "request"))
    }

    fn watch_lease(&self, lost: LeaseWatch) {
        self.broker.change(|state| state.watch(self.delivery, lost));
    }

    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<(), Error>> {
        Self::settle(*self, verdict).boxed()
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if !self.settled {
            self.broker.change(|state| state.orphan(self.delivery));
        }
    }
}
