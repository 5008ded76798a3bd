//! Sending messages.

use bytes::Bytes;

use crate::{BoxFuture, Error, ErrorKind, Headers};

/// Sends requests and control messages through a broker.
///
/// Handlers are given one when they are made, and pass it on to their tasks: a master sends requests for the assistants it
/// can't do without, offers for those it can, and control messages to both.
pub trait Publisher: Send + Sync + 'static {
    /// Sends a request, which goes to exactly one server.
    ///
    /// # Errors
    ///
    /// If the broker did not confirm that it has the message. It may have it all the same, unless the error is of this
    /// side.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it resolves may have sent the message or not.
    fn request(&self, headers: Headers, body: Bytes) -> BoxFuture<'static, Result<(), PublishError>>;

    /// Sends a control message, which goes to every server: to the tasks that its header
    /// [`task-id`](super::header::TASK_ID) names, or, without one, as an offer.
    ///
    /// # Errors
    ///
    /// As of [`request`](Self::request).
    ///
    /// # Cancel safety
    ///
    /// As of [`request`](Self::request).
    fn control(&self, headers: Headers, body: Bytes) -> BoxFuture<'static, Result<(), PublishError>>;

    /// Puts a request into the outbox, from which it is sent in the background: for tasks that compute. Never blocks.
    ///
    /// The outbox is bounded and in order. A message that can't be sent from there is reported to the transport's monitor.
    ///
    /// # Errors
    ///
    /// If the outbox is full or closed, or the message is too large.
    fn try_request(&self, headers: Headers, body: Bytes) -> Result<(), PublishError>;

    /// Puts a control message into the outbox, as [`try_request`](Self::try_request) does with requests.
    ///
    /// # Errors
    ///
    /// As of [`try_request`](Self::try_request).
    fn try_control(&self, headers: Headers, body: Bytes) -> Result<(), PublishError>;
}

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The message is larger than the broker takes.
    #[error(
        "the message has {size} bytes and the broker takes at most {limit}: send a reference to the data instead"
    )]
    TooLarge {
        /// The size of body and headers, in bytes.
        size: usize,
        /// The broker's limit, in bytes.
        limit: usize,
    },
    /// The headers can't be sent through this broker.
    #[error("the headers can't be sent: {0}")]
    Headers(#[source] Error),
    /// The outbox has no room for another message.
    #[error("the outbox is full: the broker takes messages more slowly than they are sent")]
    Full,
    /// The transport is closed.
    #[error("the transport is closed")]
    Closed,
    /// The broker refused the message, or could not be reached.
    #[error("the broker did not confirm the message: {0}")]
    Broker(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// As an error of a handler or task: what the outside world can cure may be tried again.
impl From<PublishError> for Error {
    fn from(error: PublishError) -> Self {
        let (kind, passes) = match &error {
            PublishError::TooLarge { .. } => (ErrorKind::InvalidBody, false),
            PublishError::Headers(_) => (ErrorKind::InvalidHeaders, false),
            PublishError::Full | PublishError::Closed | PublishError::Broker(_) => {
                (ErrorKind::UnknownTask, true)
            }
        };
        let converted = Self::new(kind, error.to_string()).with_source(error);
        if passes { converted.retryable() } else { converted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_retryable() {
        let error = Error::from(PublishError::Full);
        assert!(error.is_retryable());
        let error = Error::from(PublishError::TooLarge { size: 5, limit: 4 });
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::InvalidBody, false));
        assert!(error.message().contains("at most 4"), "{error}");
    }
}
