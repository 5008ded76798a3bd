//! Dead letters: looking at them, and sending them again as requests.

use bytes::Bytes;

use super::{PublishError, header};
use crate::{BoxFuture, Headers};

/// The dead letters of a service that were there when this was opened, by
/// [`Transport::dead_letters`](super::Transport::dead_letters), the oldest first.
///
/// So who sends all of them again comes to an end, even if they fail again at once.
pub trait DeadLetterStream: Send + 'static {
    /// The next one; `None` after the last.
    ///
    /// # Errors
    ///
    /// [`DeadLetterError::Unavailable`] when they can't be had. It may be called again.
    ///
    /// # Cancel safety
    ///
    /// A letter isn't lost if the future is dropped: it stays where it is, and comes with the next stream at the latest.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Box<dyn DeadLetter>>, DeadLetterError>>;
}

/// A dead letter. Dropped without a word it stays where it is.
pub trait DeadLetter: Send + 'static {
    /// The headers of the request, and those that tell why it failed: see [`header::bury`].
    fn headers(&self) -> &Headers;

    /// The body, as it was sent.
    fn body(&self) -> &Bytes;

    /// By which id a person finds it: the header [`task-id`](header::TASK_ID) or, where there is none,
    /// [`X-Request-ID`](header::REQUEST_ID). `None` if neither is a string with something in it.
    fn id(&self) -> Option<&str> {
        let id = |name| self.headers().optional_string(name).ok().flatten().filter(|id| !id.is_empty());
        id(header::TASK_ID).or_else(|| id(header::REQUEST_ID))
    }

    /// Sends it again as the request that it was, with its own body and headers and its first attempt before it, and removes it
    /// when the broker has confirmed the request. So it is never lost, and in the worst case sent twice.
    ///
    /// # Errors
    ///
    /// [`DeadLetterError::NotSent`] if the request was not confirmed: the letter is still there.
    /// [`DeadLetterError::NotRemoved`] if the request was, and the letter may still be there.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it resolves may have sent the request or not, and removed the letter or not; it removes
    /// none of which the request was not confirmed.
    fn replay(self: Box<Self>) -> BoxFuture<'static, Result<(), DeadLetterError>>;

    /// Removes it for good.
    ///
    /// # Errors
    ///
    /// [`DeadLetterError::NotRemoved`] if the broker did not confirm that.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it resolves may have removed it or not.
    fn remove(self: Box<Self>) -> BoxFuture<'static, Result<(), DeadLetterError>>;
}

/// Why something could not be done with dead letters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeadLetterError {
    /// The transport leaves dead letters to its broker's own tools.
    #[error("this transport doesn't hand out dead letters: use the tools of its broker")]
    Unsupported,
    /// They can't be read.
    #[error("the dead letters can't be had: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The request was not confirmed.
    #[error("the request is not confirmed, and the dead letter is still there: {0}")]
    NotSent(#[from] PublishError),
    /// It was not confirmed that the letter is gone.
    #[error("the dead letter may still be there, though it was to be removed: {0}")]
    NotRemoved(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl DeadLetterError {
    /// They can't be read, and this is why.
    pub fn unavailable(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(why.into())
    }

    /// It was not confirmed that the letter is gone, and this is why.
    pub fn not_removed(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::NotRemoved(why.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    struct Letter(Headers, Bytes);

    fn letter(headers: Headers) -> Letter {
        Letter(headers, Bytes::new())
    }

    impl DeadLetter for Letter {
        fn headers(&self) -> &Headers {
            &self.0
        }

        fn body(&self) -> &Bytes {
            &self.1
        }

        fn replay(self: Box<Self>) -> BoxFuture<'static, Result<(), DeadLetterError>> {
            Box::pin(std::future::ready(Ok(())))
        }

        fn remove(self: Box<Self>) -> BoxFuture<'static, Result<(), DeadLetterError>> {
            Box::pin(std::future::ready(Ok(())))
        }
    }

    #[test]
    fn a_letter_is_found_by_its_task_and_else_by_its_request() {
        let both = Headers::new().with(header::TASK_ID, "task").with(header::REQUEST_ID, "request");
        assert_eq!(letter(both.clone()).id(), Some("task"));
        for no_id in [Value::from(""), Value::from(7)] {
            assert_eq!(letter(both.clone().with(header::TASK_ID, no_id)).id(), Some("request"));
        }
        assert_eq!(letter(Headers::new()).id(), None);
    }
}
