//! Sending requests and control messages.

use bytes::Bytes;

use crate::{BoxFuture, Error, Headers};

/// Sends requests and control messages, from anywhere: a client, a task that needs others, a test.
///
/// There are two ways. [`request`](Self::request) and [`control`](Self::control) await the broker's word, and are for
/// what must not get lost. [`try_request`](Self::try_request) and [`try_control`](Self::try_control) put the message into
/// a bounded queue and return at once: for threads that compute, and for progress that the next message supersedes.
///
/// Cloning headers and bodies is cheap, so whoever may want to try again keeps a clone.
pub trait Publisher: Send + Sync + 'static {
    /// Sends a request, to be worked on by one server.
    ///
    /// The future starts to act when it is polled first. Without a connection it waits for one, within limits that the
    /// transport documents.
    ///
    /// # Errors
    ///
    /// See [`PublishError`]. After an [`Unconfirmed`](PublishError::Unconfirmed) the request may be sent or not: sent
    /// again, it may be worked on twice.
    ///
    /// # Cancel safety
    ///
    /// A future dropped before it was polled sends nothing. One dropped later may or may not have.
    fn request(&self, headers: Headers, body: Bytes) -> BoxFuture<'static, Result<(), PublishError>>;

    /// Sends a control message, to every server that is there now. With a [task id](super::header::TASK_ID) it is for the
    /// tasks with that id, otherwise an offer.
    ///
    /// The broker's word says that it has the message, not that a task does, or that there was a server.
    ///
    /// # Errors
    ///
    /// As of [`request`](Self::request).
    ///
    /// # Cancel safety
    ///
    /// As of [`request`](Self::request).
    fn control(&self, headers: Headers, body: Bytes) -> BoxFuture<'static, Result<(), PublishError>>;

    /// Queues a request and returns at once, without waiting for anything. What is queued is sent in order.
    ///
    /// # Errors
    ///
    /// [`PublishError::Full`], and what else is known at once: too large, malformed headers, closed. What fails later is
    /// [observed](crate::Observation::Failed) by the server's monitors.
    fn try_request(&self, headers: Headers, body: Bytes) -> Result<(), PublishError>;

    /// Queues a control message and returns at once, as [`try_request`](Self::try_request).
    ///
    /// # Errors
    ///
    /// As of [`try_request`](Self::try_request).
    fn try_control(&self, headers: Headers, body: Bytes) -> Result<(), PublishError>;
}

/// Why a message wasn't sent, or may not have been.
///
/// In a task a question mark makes an [`Error`] of it: of kind [`UnknownTask`](crate::ErrorKind::UnknownTask), and
/// retryable if [`is_transient`](Self::is_transient).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The queue is full. Nothing was sent.
    #[error("the queue of messages to send is full: send fewer, or await each")]
    Full,
    /// The message is larger than the broker takes. Nothing was sent.
    #[error(
        "the message has {size} bytes and the broker's limit is {limit}: put the data elsewhere and send where"
    )]
    #[non_exhaustive]
    TooLarge {
        /// What the message takes, as the broker counts it: headers, body or both.
        size: usize,
        /// What the broker takes, in bytes.
        limit: usize,
    },
    /// The broker can't carry these headers. Nothing was sent.
    #[error("the broker can't carry these headers: {0}")]
    Headers(#[source] Error),
    /// The broker has refused the message, or has nowhere to put it. Nothing was sent.
    #[error("the broker refused the message: {0}")]
    Refused(#[source] Error),
    /// The broker's word didn't come. The message may have been sent or not.
    #[error("the broker did not confirm the message, which it may have or not: {0}")]
    Unconfirmed(#[source] Error),
    /// The transport was closed. Nothing was sent.
    #[error("the transport is closed")]
    Closed,
}

impl PublishError {
    /// The error of a message of this size that is above the broker's limit, both in bytes.
    pub const fn too_large(size: usize, limit: usize) -> Self {
        Self::TooLarge { size, limit }
    }

    /// True if the same message may get through later, or elsewhere.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Full | Self::Refused(_) | Self::Unconfirmed(_) | Self::Closed => true,
            Self::TooLarge { .. } | Self::Headers(_) => false,
        }
    }
}

impl From<PublishError> for Error {
    fn from(error: PublishError) -> Self {
        let transient = error.is_transient();
        let error = Self::other(error);
        if transient { error.retryable() } else { error }
    }
}
