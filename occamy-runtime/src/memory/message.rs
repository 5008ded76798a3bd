//! Messages as the embedded broker hands them out.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::{
    BoxFuture, BrokerEvent, Error, ErrorKind, Headers, LeaseWatch, Message, Monitor, Observation, Verdict,
    VerdictKind,
};
use tokio::time::Instant;

use super::MemoryBroker;
use super::state::{Handout, Stored};

/// Who is told of what happens on a connection, once somebody is.
pub(super) type Observer = Arc<ObserverCell>;
/// Empty until the transport is told whom to tell.
pub(super) type ObserverCell = OnceLock<Arc<dyn Monitor>>;

pub(super) fn tell(observer: &Observer, observation: &Observation) {
    if let Some(monitor) = observer.get() {
        monitor.record(observation);
    }
}

/// A request that was handed out. Dropped unsettled, it goes back.
pub(super) struct Request {
    broker: MemoryBroker,
    connection: u64,
    delivery: u64,
    headers: Headers,
    body: Bytes,
    attempt: u32,
    deliveries: u32,
    observer: Observer,
    settled: bool,
}

impl Request {
    pub(super) fn new(broker: MemoryBroker, connection: u64, handout: Handout, observer: Observer) -> Self {
        let Handout { delivery, request: Stored { headers, body, attempt, deliveries, .. } } = handout;
        Self { broker, connection, delivery, headers, body, attempt, deliveries, observer, settled: false }
    }

    async fn settle(mut self, verdict: Verdict) -> Result<(), Error> {
        let kind = verdict.kind();
        let failed = |why: &'static str| Err(failure(kind, why));
        let latency = self.broker.latency();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        if self
            .broker
            .change(|state| state.faults.refuses_settlement(state.connections.get(&self.connection)))
        {
            // Dropping the message gives it back.
            return failed("the broker could not be reached");
        }
        let pause = self.broker.settings().pause;
        if kind == VerdictKind::Busy {
            tokio::time::sleep(jittered(pause)).await;
        }
        self.settled = true;
        let Some(mut request) = self.broker.change(|state| {
            let request = state.take(self.delivery)?;
            state.count(kind);
            // Counted as held until it is stored again, so that the broker doesn't look idle in between.
            state.delayed += 1;
            Some(request)
        }) else {
            tell(&self.observer, &Observation::Broker(BrokerEvent::StaleSettlement));
            return failed("the lease was lost: the request has gone to another server");
        };
        let avoid = (self.connection, Instant::now() + pause);
        match verdict {
            Verdict::Done => self.broker.change(|state| state.delayed -= 1),
            Verdict::Failed(error) => self.broker.change(|state| {
                state.delayed -= 1;
                state.bury(request, error);
            }),
            Verdict::Retry { after, .. } => {
                request.attempt += 1;
                self.broker.change_later(after, |state| {
                    state.delayed -= 1;
                    state.put_back(request, None);
                });
            }
            // Interrupted or busy, or a verdict that this version does not know: for another server.
            _ => {
                self.broker.change(|state| {
                    state.delayed -= 1;
                    state.put_back(request, Some(avoid));
                });
                // Should nobody else want it, its last server may have it again.
                self.broker.change_later(pause, |_| ());
            }
        }
        Ok(())
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

/// A control message. There is nothing to settle: every server has its own copy.
pub(super) struct Control {
    pub(super) headers: Headers,
    pub(super) body: Bytes,
}

impl Message for Control {
    fn headers(&self) -> &Headers {
        &self.headers
    }

    fn body(&self) -> &Bytes {
        &self.body
    }

    fn attempt(&self) -> u32 {
        1
    }

    fn settle(self: Box<Self>, _: Verdict) -> BoxFuture<'static, Result<(), Error>> {
        std::future::ready(Ok(())).boxed()
    }
}

fn failure(verdict: VerdictKind, why: &'static str) -> Error {
    let kind =
        if verdict == VerdictKind::Done { ErrorKind::MessageNotAcked } else { ErrorKind::MessageNotNacked };
    Error::new(kind, why)
}

/// Half to one and a half times as long.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64())
}
