//! Sending through the embedded broker: at once, or from an outbox.

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::{Observer, PublishError, Publisher, header};
use occamy_core::{BoxFuture, Headers};
use tokio::sync::mpsc;

use super::MemoryBroker;
use super::outbox::{Letter, Outbox};

/// Sends through a connection, or as a client without one.
pub(super) struct MemoryPublisher {
    line: Line,
    outbox: mpsc::Sender<Letter>,
}

/// Whom a message is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Address {
    /// One server.
    Request,
    /// Every server.
    Control,
}

/// The way to the broker: that of a server's connection, or one that is always there.
#[derive(Clone)]
pub(super) struct Line {
    broker: MemoryBroker,
    link: Option<u64>,
}

impl MemoryPublisher {
    pub(super) fn new(broker: MemoryBroker, link: Option<u64>, observer: Observer) -> (Self, Outbox) {
        let bound = broker.settings().outbox;
        let line = Line { broker, link };
        let (sender, outbox) = Outbox::open(line.clone(), observer, bound);
        (Self { line, outbox: sender }, outbox)
    }

    fn publish(
        &self,
        address: Address,
        headers: Headers,
        body: Bytes,
    ) -> BoxFuture<'static, Result<(), PublishError>> {
        let line = self.line.clone();
        async move { line.publish(address, headers, body).await }.boxed()
    }

    fn post(&self, address: Address, headers: Headers, body: Bytes) -> Result<(), PublishError> {
        self.line.check_size(&headers, &body)?;
        self.outbox.try_send((address, headers, body)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => PublishError::Full,
            mpsc::error::TrySendError::Closed(_) => PublishError::Closed,
        })
    }
}

impl Publisher for MemoryPublisher {
    fn request(&self, headers: Headers, body: Bytes) -> BoxFuture<'static, Result<(), PublishError>> {
        self.publish(Address::Request, headers, body)
    }

    fn control(&self, headers: Headers, body: Bytes) -> BoxFuture<'static, Result<(), PublishError>> {
        self.publish(Address::Control, headers, body)
    }

    fn try_request(&self, headers: Headers, body: Bytes) -> Result<(), PublishError> {
        self.post(Address::Request, headers, body)
    }

    fn try_control(&self, headers: Headers, body: Bytes) -> Result<(), PublishError> {
        self.post(Address::Control, headers, body)
    }
}

impl Line {
    /// Sends a message. It is confirmed when the broker has stored it.
    pub(super) async fn publish(
        &self,
        address: Address,
        headers: Headers,
        body: Bytes,
    ) -> Result<(), PublishError> {
        self.check_size(&headers, &body)?;
        let (headers, attempt) = header::take_own(headers);
        let latency = self.broker.change(|state| state.draw_latency());
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let bound = self.broker.settings().control_queue;
        self.broker.change(|state| {
            if self.link.is_some_and(|link| state.links.get(&link).is_none_or(|link| link.closed)) {
                return Err(PublishError::Closed);
            }
            let reachable = self.link.map_or(!state.faults.stopped, |link| state.reaches(link));
            if !reachable || state.faults.fails_publish() {
                return Err(PublishError::Broker("it could not be reached".into()));
            }
            match address {
                Address::Request => {
                    if state.faults.duplicates_request() {
                        state.store(headers.clone(), body.clone(), attempt);
                    }
                    state.store(headers, body, attempt);
                }
                Address::Control => state.fan_out(headers, &body, bound),
            }
            Ok(())
        })
    }

    /// Ends the connection. Tells whether the broker has heard of it.
    pub(super) fn hang_up(&self) -> bool {
        let Some(link) = self.link else { return true };
        self.broker.change(|state| {
            state.close(link);
            state.reaches(link)
        })
    }

    fn check_size(&self, headers: &Headers, body: &Bytes) -> Result<(), PublishError> {
        let size = headers.size().saturating_add(body.len());
        let limit = self.broker.settings().max_message;
        if size > limit { Err(PublishError::TooLarge { size, limit }) } else { Ok(()) }
    }
}
