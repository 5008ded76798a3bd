//! What brokers have in common: the traits that an adapter implements, and what adapters share.
//!
//! A [`Transport`] is one server's connection with a broker. It gives two streams, of [requests](RequestStream) and of
//! [control messages](ControlStream), which are kept apart so that neither delays the other, and a [`Publisher`] for
//! both. Users of a server meet only `Publisher`; the rest is between a transport and the runtime.
//!
//! # What every transport promises
//!
//! - A request goes to one server; a control message to every server.
//! - No more requests are under way at a time than the server asked for. They may be settled in any order. One whose task is
//!   done doesn't count while its acknowledgement is on its way, or its slot would be idle for a round trip or two; but no
//!   more are unsettled, these included, than twice the server's slots.
//! - A task may run for hours without its message being handed out again.
//! - A requeued request reaches another server soon, if there is one, and never spins.
//! - A dead letter keeps body and headers, and has the reason in headers of its [own](header).
//! - Dead letters are handed out to whoever asks, to be sent again or removed. A transport may leave this out.
//! - A lost connection is made anew, with growing and jittered pauses. Nothing is lost or settled twice by that.
//! - Headers keep their types, and bodies and headers up to the broker's limit come through unchanged.
//! - Connections are encrypted and verified where asked for, and no credential reaches a log: see [`SecretUrl`].
//!
//! # Writing a transport
//!
//! Whether a transport keeps these promises is found out by the conformance kit: the module `conformance` of
//! `occamy-runtime`, behind the feature of that name. It runs any transport through one suite, against its real broker,
//! and its documentation is the place to begin. The crate `occamy-transport` has what transports on tokio need beside their
//! broker's client, and the example `custom_transport`, over Redis, is a whole one.

mod control;
mod dead;
pub mod header;
mod observer;
mod publisher;
mod secret;
pub mod text;

pub use control::ControlMessage;
pub use dead::{DeadLetter, DeadLetterError, DeadLetterStream};
pub use observer::Observer;
pub use publisher::{PublishError, Publisher};
pub use secret::{Secret, SecretUrl, redact_url};

use std::borrow::Cow;
use std::sync::Arc;

use crate::{BoxFuture, Error, Message, Monitor, VerdictKind};

/// One server's connection with a broker.
///
/// Implement this for a broker of your own; see the [module](self) for what that promises.
pub trait Transport: Send + Sync + 'static {
    /// The stream of requests. Called once, before anything is to be delivered.
    fn requests(&self) -> Box<dyn RequestStream>;

    /// The stream of control messages. Called once, before anything is to be delivered.
    fn controls(&self) -> Box<dyn ControlStream>;

    /// Sends requests and control messages, to this server's peers and to itself. Clones share one outbox.
    fn publisher(&self) -> Arc<dyn Publisher>;

    /// The dead letters that there are by now, to be looked at, sent again or removed. For programs that people run, not for
    /// servers: two at a time may send a letter twice.
    ///
    /// By default there are none to be had, and the broker's own tools have to do.
    ///
    /// # Errors
    ///
    /// If they can't be had.
    ///
    /// # Cancel safety
    ///
    /// Safe to drop and to call again.
    fn dead_letters(&self) -> BoxFuture<'_, Result<Box<dyn DeadLetterStream>, DeadLetterError>> {
        Box::pin(std::future::ready(Err(DeadLetterError::Unsupported)))
    }

    /// Tells who wants to know of the connection: a [`BrokerEvent`](crate::BrokerEvent) whenever something happens to
    /// it, and a `Failed` for each message of [`try_request`](Publisher::try_request) and
    /// [`try_control`](Publisher::try_control) that could not be sent. Called once, before the streams are.
    ///
    /// By default nobody is told anything.
    fn observe(&self, monitor: Arc<dyn Monitor>) {
        drop(monitor);
    }

    /// Stops the delivery of requests: what has not been handed out goes back to the broker, and the stream ends.
    /// Control messages go on, since tasks still run, and so do settlements.
    ///
    /// # Cancel safety
    ///
    /// Once polled it goes on, whether it is awaited or not. Called again, it does nothing more.
    fn drain(&self) -> BoxFuture<'_, ()>;

    /// Ends the connection, when the last message has been settled: sends what is in the outbox, then ends the stream of
    /// control messages. What is unsettled by then is handed out again by the broker.
    ///
    /// # Errors
    ///
    /// If the outbox could not be sent, or the broker could not be told.
    ///
    /// # Cancel safety
    ///
    /// As of [`drain`](Self::drain).
    fn close(&self) -> BoxFuture<'_, Result<(), Error>>;
}

/// For programs that choose their broker at run time.
impl Transport for Box<dyn Transport> {
    fn requests(&self) -> Box<dyn RequestStream> {
        (**self).requests()
    }

    fn controls(&self) -> Box<dyn ControlStream> {
        (**self).controls()
    }

    fn publisher(&self) -> Arc<dyn Publisher> {
        (**self).publisher()
    }

    fn dead_letters(&self) -> BoxFuture<'_, Result<Box<dyn DeadLetterStream>, DeadLetterError>> {
        (**self).dead_letters()
    }

    fn observe(&self, monitor: Arc<dyn Monitor>) {
        (**self).observe(monitor);
    }

    fn drain(&self) -> BoxFuture<'_, ()> {
        (**self).drain()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        (**self).close()
    }
}

/// Requests, handed out one at a time.
pub trait RequestStream: Send + 'static {
    /// The next request, when there is one; `None` once the transport is drained or closed.
    ///
    /// `credit` is how many more requests the server would start now. Requests whose settlement is under way count against
    /// it, delays included, so that a server never holds more than it has slots: the transport hands out one only if the
    /// credit exceeds their number. [Acknowledgements](crate::Verdict::Done) need not count, as long as there are no more of
    /// them than the greatest credit so far. It may fetch as many ahead, and gives back to the broker what it has fetched beyond.
    /// With a credit of 0 it hands out nothing, and resolves only when the stream has ended.
    ///
    /// Whenever the credit changes the future is dropped and this is called again.
    ///
    /// # Errors
    ///
    /// When messages can't be had for the moment, or one came that can't be understood and was made a dead letter. The
    /// stream goes on after an error: the server records it and calls again at once, so it is the transport that
    /// pauses between two attempts.
    ///
    /// # Cancel safety
    ///
    /// A message isn't lost if the future is dropped: it comes with the next call, or goes back to the broker.
    fn next(&mut self, credit: usize) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>>;
}

/// Control messages, handed out one at a time.
pub trait ControlStream: Send + 'static {
    /// The next control message, when there is one; `None` once the transport is closed.
    ///
    /// # Errors
    ///
    /// As of [`RequestStream::next`].
    ///
    /// # Cancel safety
    ///
    /// A message isn't lost if the future is dropped: it comes with the next call.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>>;
}

/// The error of a message that couldn't be settled so, of the kind that belongs to the verdict: see
/// [`Message::settle`].
pub fn settlement_error(verdict: VerdictKind, message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(verdict.unsettled(), message)
}
