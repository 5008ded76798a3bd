//! The one error type of Occamy: a kind, a message and a source.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What went wrong, in the terms of the public error table.
///
/// The strings of [`as_str`](Self::as_str) are part of the public interface: they are metric labels and stand in
/// the headers of dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A handler met a fault of its own: a bug, or something it depends on is broken.
    InternalHandler,
    /// A task ended early because it was told to stop.
    TaskInterrupted,
    /// The body of a message can't be understood.
    InvalidBody,
    /// The headers of a message are missing, of a wrong type, or can't be understood.
    InvalidHeaders,
    /// The message was understood, and asks for something that can't be done.
    InvalidTask,
    /// The broker did not take an acknowledgement.
    MessageNotAcked,
    /// The broker did not take a rejection.
    MessageNotNacked,
    /// A task was handed in and could not be given a slot or a place in the queue.
    TaskNotAdded,
    /// A task was told to stop and did not end within the kill timeout.
    TaskNotKilled,
    /// A handler failed with an error that is none of these.
    UnknownHandler,
    /// A task failed with an error that is none of these.
    UnknownTask,
}

impl ErrorKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 11] = [
        Self::InternalHandler,
        Self::TaskInterrupted,
        Self::InvalidBody,
        Self::InvalidHeaders,
        Self::InvalidTask,
        Self::MessageNotAcked,
        Self::MessageNotNacked,
        Self::TaskNotAdded,
        Self::TaskNotKilled,
        Self::UnknownHandler,
        Self::UnknownTask,
    ];

    /// The public name of this kind, which never changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InternalHandler => "internal_handler_error",
            Self::TaskInterrupted => "task_interrupted",
            Self::InvalidBody => "invalid_body",
            Self::InvalidHeaders => "invalid_headers",
            Self::InvalidTask => "invalid_task",
            Self::MessageNotAcked => "message_not_acked",
            Self::MessageNotNacked => "message_not_nacked",
            Self::TaskNotAdded => "task_not_added",
            Self::TaskNotKilled => "task_not_killed",
            Self::UnknownHandler => "unknown_handler_error",
            Self::UnknownTask => "unknown_task_error",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error of a handler, a task or a transport.
///
/// Cloning is cheap. Any other error becomes one of kind [`ErrorKind::UnknownTask`] through [`Error::other`]; a server
/// turns that into [`ErrorKind::UnknownHandler`] where a handler returned it.
///
/// ```
/// use occamy_core::{Error, ErrorKind};
///
/// fn parse(body: &str) -> Result<u32, Error> {
///     body.parse().map_err(|e| Error::new(ErrorKind::InvalidBody, "expected a number").with_source(e))
/// }
///
/// assert_eq!(parse("seven").unwrap_err().to_string(), "invalid_body: expected a number");
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    retry: Retry,
}

/// Whether, and when, a failed request is to be tried again.
#[derive(Clone, Copy)]
enum Retry {
    Never,
    Default,
    After(Duration),
}

impl Error {
    /// An error of the given kind. The message says what happened, and best what to do about it.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Inner { kind, message: message.into(), source: None, retry: Retry::Never }))
    }

    /// Any other error, as one of kind [`ErrorKind::UnknownTask`]: made for `map_err(Error::other)?`.
    pub fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::from(error.into())
    }

    /// The error with which a task answers its stop.
    pub fn interrupted() -> Self {
        Self::new(ErrorKind::TaskInterrupted, "the task was told to stop")
    }

    /// This error, with the error that caused it.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.source = Some(Arc::from(source.into()));
        Self(Arc::new(inner))
    }

    /// This error, under another kind.
    #[must_use]
    pub fn with_kind(self, kind: ErrorKind) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.kind = kind;
        Self(Arc::new(inner))
    }

    /// This error, marked as one that may pass: the request is tried again after the server's default delay, and the
    /// try counts as an attempt.
    #[must_use]
    pub fn retryable(self) -> Self {
        self.with_retry(Retry::Default)
    }

    /// As [`retryable`](Self::retryable), after a delay of its own.
    #[must_use]
    pub fn retry_after(self, delay: Duration) -> Self {
        self.with_retry(Retry::After(delay))
    }

    fn with_retry(self, retry: Retry) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.retry = retry;
        Self(Arc::new(inner))
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message, without kind and source.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// True if the error was marked as one that may pass.
    pub fn is_retryable(&self) -> bool {
        !matches!(self.0.retry, Retry::Never)
    }

    /// The delay before the next try, `default` if the error names none; `None` if it isn't retryable.
    pub fn retry_delay(&self, default: Duration) -> Option<Duration> {
        match self.0.retry {
            Retry::Never => None,
            Retry::Default => Some(default),
            Retry::After(delay) => Some(delay),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind, self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("retry", &self.retry_delay(Duration::ZERO).is_some())
            .field("source", &self.0.source)
            .finish()
    }
}

/// Two errors are equal if kind, message and retry are; sources can't be compared.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        const DEFAULT: Duration = Duration::MAX;
        self.0.kind == other.0.kind
            && self.0.message == other.0.message
            && self.retry_delay(DEFAULT) == other.retry_delay(DEFAULT)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

/// A boxed [`Error`] comes out as it went in; any other becomes the source of an [`ErrorKind::UnknownTask`].
impl From<Box<dyn std::error::Error + Send + Sync>> for Error {
    fn from(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => *own,
            Err(other) => Self::new(ErrorKind::UnknownTask, other.to_string()).with_source(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_public_string() {
        let strings: Vec<_> = ErrorKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(
            strings,
            [
                "internal_handler_error",
                "task_interrupted",
                "invalid_body",
                "invalid_headers",
                "invalid_task",
                "message_not_acked",
                "message_not_nacked",
                "task_not_added",
                "task_not_killed",
                "unknown_handler_error",
                "unknown_task_error",
            ]
        );
    }

    #[test]
    fn a_foreign_error_becomes_an_unknown_one_and_keeps_its_source() {
        let foreign = std::io::Error::other("disk on fire");
        let error = Error::other(foreign);
        assert_eq!(error.kind(), ErrorKind::UnknownTask);
        assert_eq!(error.to_string(), "unknown_task_error: disk on fire");
        assert!(std::error::Error::source(&error).is_some_and(|source| source.is::<std::io::Error>()));
    }

    #[test]
    fn a_boxed_error_of_ours_keeps_its_kind_and_retry() {
        let error = Error::new(ErrorKind::InvalidBody, "not JSON").retry_after(Duration::from_secs(3));
        let boxed: Box<dyn std::error::Error + Send + Sync> = Box::new(error.clone());
        assert_eq!(Error::from(boxed), error);
    }

    #[test]
    fn a_retry_without_a_delay_takes_the_default() {
        let default = Duration::from_secs(1);
        let error = Error::new(ErrorKind::UnknownTask, "busy");
        assert_eq!(error.retry_delay(default), None);
        assert_eq!(error.clone().retryable().retry_delay(default), Some(default));
        assert_eq!(error.retry_after(Duration::ZERO).retry_delay(default), Some(Duration::ZERO));
    }
}
