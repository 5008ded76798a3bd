//! What connects a server to a broker: the traits that transports implement, and what they have in common.
//!
//! A [`Transport`] gives a server two streams, [requests](RequestStream) and [controls](ControlStream), and a
//! [`Publisher`] to send both with. It is for who writes one; who uses one makes it and hands it to a server.
//!
//! # What a transport owes its users
//!
//! - A request goes to one server, a control message to every server.
//! - A server never holds more unsettled requests than it has slots.
//! - A task may run for hours without its request being handed to another server.
//! - Messages are settled in any order, from any thread, each [exactly once](crate::Message::settle).
//! - What is requeued reaches another server soon, and a lone server isn't handed it in a busy loop.
//! - A dead letter keeps its body and its headers, and says [why](header::REASON) it is one.
//! - A lost connection is made again, after a growing and jittered pause, for as long as it takes. No request is lost by
//!   that, and none is settled twice.
//! - Headers arrive with the types with which they were sent. See [`text`] for brokers that have no types.
//! - Credentials reach no log and no error: see [`Secret`] and [`SecretUrl`].
//!
//! # How brokers fit
//!
//! Requests are pulled: the server says how many more it could start, with each call of [`RequestStream::next`].
//!
//! | | what `slots` is | what `free` does |
//! | --- | --- | --- |
//! | a broker that is pulled from, as JetStream | the limit of what is pulled and unsettled | the pulls that are open, together, ask for as many |
//! | a broker that pushes, as RabbitMQ | the prefetch | what was pushed beyond it is handed back |
//! | a log, as Kafka | the limit of what is taken from the log and unsettled | partitions are paused at 0 and resumed above |

pub mod header;
mod publish;
mod secret;
mod stream;
pub mod text;

pub use publish::{PublishError, Publisher};
pub use secret::{Secret, SecretUrl, redact_url};
pub use stream::{ControlStream, RequestStream};

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::{BoxFuture, Error, ErrorKind, Monitor, VerdictKind};

/// A connection with a broker, for one server.
///
/// No method waits for the broker but through the future that it returns, and there is no need of a connection when a
/// stream is opened. So a server starts while its broker is down, and gets messages once it is up.
///
/// The order of a server's life: [`requests`](Self::requests) and [`controls`](Self::controls), once each; messages;
/// [`drain`](Self::drain), while what runs is finished and settled; [`close`](Self::close).
pub trait Transport: Send + Sync + 'static {
    /// Opens the stream of requests. To be called once: a second call gives a stream that fails once and ends.
    fn requests(&self, options: &ReceiveOptions) -> Box<dyn RequestStream>;

    /// Opens the stream of control messages, independent of the requests': neither waits for the other to be polled, or
    /// for the other's messages to be settled. To be called once, as [`requests`](Self::requests).
    fn controls(&self, options: &ReceiveOptions) -> Box<dyn ControlStream>;

    /// What sends messages by this connection. It works before the streams are opened, without them, and while draining.
    fn publisher(&self) -> Arc<dyn Publisher>;

    /// Takes nothing new. What was fetched and not yet returned by a stream goes back to the broker for other servers,
    /// whether or not the stream is polled; both streams then end. Settling and publishing go on working.
    ///
    /// The future resolves once nothing more will be handed out. Draining twice is as good as once.
    ///
    /// # Errors
    ///
    /// When the broker couldn't be told. Nothing is handed out all the same, and what was fetched goes back when the
    /// connection ends.
    ///
    /// # Cancel safety
    ///
    /// Once polled, it goes on when dropped; another call waits for the same end.
    fn drain(&self) -> BoxFuture<'static, Result<(), Error>>;

    /// Drains, sends what is queued, waits for the settlements that are under way, and ends the connection. Messages that
    /// are still unsettled are handed out to other servers as the broker sees fit.
    ///
    /// From then on settling and publishing fail. How long this takes is up to the broker: who can't wait puts a timeout
    /// around it. Closing twice is as good as once, and dropping the last handle closes without waiting.
    ///
    /// # Errors
    ///
    /// When something queued or under way was given up. The connection is closed all the same.
    ///
    /// # Cancel safety
    ///
    /// Dropped early, it may leave things queued unsent; another call goes on from there.
    fn close(&self) -> BoxFuture<'static, Result<(), Error>>;
}

/// What a transport needs to know of the server that it receives for.
#[derive(Clone)]
#[non_exhaustive]
pub struct ReceiveOptions {
    /// The server's slots: at most so many requests are unsettled at a time, fetched ones included.
    pub slots: NonZeroUsize,
    /// Who is told of connections, stale settlements, and failures that no caller waits for.
    pub monitor: Arc<dyn Monitor>,
}

impl ReceiveOptions {
    /// For a server with this many slots, and these monitors.
    pub fn new(slots: NonZeroUsize, monitor: impl Monitor) -> Self {
        Self { slots, monitor: Arc::new(monitor) }
    }
}

impl fmt::Debug for ReceiveOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveOptions").field("slots", &self.slots).finish_non_exhaustive()
    }
}

/// The error of a message that couldn't be settled so, of the kind that belongs to the verdict: see
/// [`Message::settle`](crate::Message::settle).
pub fn settlement_error(verdict: VerdictKind, message: impl Into<Cow<'static, str>>) -> Error {
    let kind = match verdict {
        VerdictKind::Done => ErrorKind::MessageNotAcked,
        VerdictKind::Failed | VerdictKind::Retry | VerdictKind::Interrupted | VerdictKind::Busy => {
            ErrorKind::MessageNotNacked
        }
    };
    Error::new(kind, message)
}

#[cfg(test)]
mod tests;
