//! The two streams of messages that a server receives.

use crate::{BoxFuture, Error, Message};

/// Requests, each of which goes to one server. See [`Transport::requests`](super::Transport::requests).
///
/// What was fetched and not returned when this is dropped goes back to the broker. What was returned can be settled all
/// the same.
pub trait RequestStream: Send {
    /// Waits for the next request.
    ///
    /// `free` is how many more requests the server could start now. One future returns at most one, so the caller counts
    /// it off and calls again. When the number changes while a future waits, the caller drops it and calls again with the
    /// new one, 0 included.
    ///
    /// - The transport fetches at most `free` messages ahead, and never so many that more than the server's slots were
    ///   unsettled. Those that it has fetched, it keeps from being handed out again, polled or not.
    /// - With 0 it returns no message, and what it has fetched goes back for another server, as
    ///   [`Busy`](crate::Verdict::Busy) would, if it can't be left with the broker. The future still ends with the stream.
    /// - When `free` falls, what is fetched beyond it goes back likewise. What the broker sends too late to be called off
    ///   may still be returned, to be settled as busy.
    ///
    /// `Ok(None)` is the end, after [`drain`](super::Transport::drain) or [`close`](super::Transport::close) and from
    /// then on. A lost connection is no end: the future waits until it is back.
    ///
    /// A message that the transport itself can't make sense of, such as one with malformed headers, is not returned: it
    /// becomes a dead letter, and the error is returned instead.
    ///
    /// # Errors
    ///
    /// Something to be recorded: a lost connection, a message without sense. The stream goes on, and the caller calls
    /// again at once, so the transport makes its own pauses where something fails time and again, and returns one error
    /// for each failure, not one for each attempt to mend it.
    ///
    /// # Cancel safety
    ///
    /// A future can be dropped at any time. No message is lost by that: what was fetched is there for the next call.
    fn next(&mut self, free: usize) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>>;
}

/// Control messages, each of which goes to every server. See [`Transport::controls`](super::Transport::controls).
pub trait ControlStream: Send {
    /// Waits for the next control message, in the order in which the broker has them.
    ///
    /// The caller takes them as fast as it can, and settles them soon. For one that doesn't, the transport holds back a
    /// bounded number; beyond it the oldest are dropped and
    /// [observed](crate::Observation::ControlMessagesDropped), for control messages lose their worth with time. Where the
    /// broker keeps control messages for each server, they are settled there, otherwise
    /// [`settle`](Message::settle) does nothing. They are never handed out again because of a verdict.
    ///
    /// `Ok(None)` is the end, as of [`RequestStream::next`].
    ///
    /// # Errors
    ///
    /// Something to be recorded, as of [`RequestStream::next`]. The stream goes on.
    ///
    /// # Cancel safety
    ///
    /// A future can be dropped at any time. No message is lost by that.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>>;
}
