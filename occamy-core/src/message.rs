//! A message as a server sees it, whatever the broker.

mod double;

pub use double::{Settled, TestMessage};

use std::sync::Arc;

use bytes::Bytes;

use crate::{BoxFuture, Error, ErrorKind, Headers, Verdict};

/// Told when a message's lease is lost. See [`Message::watch_lease`].
pub type LeaseWatch = Arc<dyn Fn() + Send + Sync>;

/// A message that a broker has handed out, and that wants to be settled exactly once.
///
/// Transports implement this; handlers see only headers and body. A server settles every message that it takes. One
/// that is dropped unsettled, because its server dies, is handed out again as the broker sees fit: when the connection
/// ends, or when the lease runs out. So delivery is at least once.
pub trait Message: Send + 'static {
    /// The headers, decoded, and without what a transport adds for its own use.
    fn headers(&self) -> &Headers;

    /// The body, as it was sent.
    fn body(&self) -> &Bytes;

    /// Which attempt this is: 1 the first time. Only [`Verdict::Retry`] counts one.
    fn attempt(&self) -> u32;

    /// How often the broker has handed this message out, this time included, or `None` if it doesn't count.
    ///
    /// Unlike attempts this counts servers that died with it, but also those that were full or shutting down.
    fn deliveries(&self) -> Option<u32> {
        None
    }

    /// Which broker the message came from, and where there, for traces. Asked once.
    ///
    /// By default that isn't told.
    fn origin(&self) -> Option<MessageOrigin> {
        None
    }

    /// Has `lost` called when the broker no longer counts this message as ours: it may be running on another server by
    /// now. A request that waits is then handed back, and a task that runs can ask.
    ///
    /// The transport calls it from any thread, with none of its own locks held, any number of times; at once if the
    /// lease is lost already; and not after the message was settled, but for a call that is under way. It lets go of
    /// `lost` when the message is settled or dropped. The callback doesn't block.
    ///
    /// By default it is never called: right for a broker that can't tell.
    fn watch_lease(&self, lost: LeaseWatch) {
        drop(lost);
    }

    /// Settles the message.
    ///
    /// The future resolves once the broker has confirmed the settlement, or its client has at least written it, as the
    /// transport documents. It starts to act when it is polled first, which may happen on any thread, one that computes
    /// included: so a poll never blocks. The message counts against the [credit](crate::transport::RequestStream::next)
    /// until the future resolves, delays included.
    ///
    /// What a transport does with each verdict:
    ///
    /// - [`Done`](Verdict::Done): acknowledge.
    /// - [`Failed`](Verdict::Failed): first put body, headers and reason where dead letters go and have that confirmed,
    ///   then acknowledge. If that fails the message stays unsettled and is delivered again.
    /// - [`Retry`](Verdict::Retry): hand it out again after the delay, with the attempt raised by one.
    /// - [`Interrupted`](Verdict::Interrupted): hand it out again soon, best to another server, and with the same
    ///   attempt. With nobody else to take it this must not spin.
    /// - [`Busy`](Verdict::Busy): as interrupted, after a jittered delay.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::MessageNotAcked`] for `Done` and [`ErrorKind::MessageNotNacked`] for the others, when the broker
    /// didn't take it or its answer is unknown. The message is then delivered again. A settlement on a connection that
    /// has ended since is such an error and doesn't reach the new connection.
    ///
    /// # Cancel safety
    ///
    /// A future dropped before it was polled settles nothing. One dropped later may or may not have.
    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<(), Error>>;

    /// Acknowledges the message: [`settle`](Self::settle) as done.
    fn ack(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        self.settle(Verdict::Done)
    }

    /// Rejects the message: [`settle`](Self::settle) as interrupted, which hands it out again and counts no attempt, or
    /// as failed, which makes it a dead letter. To give a reason, settle it with an error of your own.
    fn reject(self: Box<Self>, requeue: bool) -> BoxFuture<'static, Result<(), Error>> {
        self.settle(if requeue {
            Verdict::Interrupted
        } else {
            Verdict::Failed(Error::new(ErrorKind::InvalidTask, "the message was rejected"))
        })
    }
}

/// Where a message came from, in the words of OpenTelemetry's conventions. A clone is cheap.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MessageOrigin {
    /// The kind of broker, as `messaging.system` has it: `kafka`, `rabbitmq`, `nats`.
    pub system: &'static str,
    /// The subject, exchange, queue or topic that the message was sent to: `messaging.destination.name`.
    pub destination: Arc<str>,
}

impl MessageOrigin {
    /// A broker of this kind, and a place there.
    pub fn new(system: &'static str, destination: impl Into<Arc<str>>) -> Self {
        Self { system, destination: destination.into() }
    }
}

#[cfg(test)]
mod tests;
