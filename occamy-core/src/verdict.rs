//! What becomes of a message: the table of endings, as pure functions.

use std::fmt;
use std::time::Duration;

use crate::{Error, ErrorKind};

/// How a message is settled. A transport turns this into its broker's words.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Verdict {
    /// The work is done: acknowledge.
    Done,
    /// The work can't be done: to the dead letters, with the error as the reason.
    Failed(Error),
    /// The work failed and may succeed later: requeue after the delay, and count an attempt.
    #[non_exhaustive]
    Retry {
        /// How long to keep the message back.
        after: Duration,
        /// Why the attempt failed.
        error: Error,
    },
    /// The work was stopped for no fault of its own: requeue, for another server, without counting an attempt.
    Interrupted,
    /// There was no room for the work: requeue after a jittered delay, for another server, without counting an attempt.
    Busy,
}

impl Verdict {
    /// The verdict without its data.
    pub const fn kind(&self) -> VerdictKind {
        match self {
            Self::Done => VerdictKind::Done,
            Self::Failed(_) => VerdictKind::Failed,
            Self::Retry { .. } => VerdictKind::Retry,
            Self::Interrupted => VerdictKind::Interrupted,
            Self::Busy => VerdictKind::Busy,
        }
    }

    /// The error that this verdict carries.
    pub const fn error(&self) -> Option<&Error> {
        match self {
            Self::Failed(error) | Self::Retry { error, .. } => Some(error),
            Self::Done | Self::Interrupted | Self::Busy => None,
        }
    }
}

/// A [`Verdict`] without its data: a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum VerdictKind {
    /// See [`Verdict::Done`].
    Done,
    /// See [`Verdict::Failed`].
    Failed,
    /// See [`Verdict::Retry`].
    Retry,
    /// See [`Verdict::Interrupted`].
    Interrupted,
    /// See [`Verdict::Busy`].
    Busy,
}

impl VerdictKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Done, Self::Failed, Self::Retry, Self::Interrupted, Self::Busy];

    /// The kind of error when a message could not be settled so.
    pub const fn unsettled(self) -> ErrorKind {
        match self {
            Self::Done => ErrorKind::MessageNotAcked,
            Self::Failed | Self::Retry | Self::Interrupted | Self::Busy => ErrorKind::MessageNotNacked,
        }
    }

    /// The public name, which labels metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Retry => "retry",
            Self::Interrupted => "interrupted",
            Self::Busy => "busy",
        }
    }
}

impl fmt::Display for VerdictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// It returned `Ok`.
    Completed,
    /// It returned an error other than [`ErrorKind::TaskInterrupted`].
    Failed(Error),
    /// It returned [`ErrorKind::TaskInterrupted`].
    Interrupted,
    /// It panicked. The error tells with what.
    Panicked(Error),
    /// It was given a slot and could not be started there, for want of a thread or a process. The error tells why.
    NotStarted(Error),
}

impl Outcome {
    /// The outcome without its data.
    pub const fn kind(&self) -> OutcomeKind {
        match self {
            Self::Completed => OutcomeKind::Completed,
            Self::Failed(_) => OutcomeKind::Failed,
            Self::Interrupted => OutcomeKind::Interrupted,
            Self::Panicked(_) => OutcomeKind::Panicked,
            Self::NotStarted(_) => OutcomeKind::NotStarted,
        }
    }

    /// The error that this outcome carries.
    pub const fn error(&self) -> Option<&Error> {
        match self {
            Self::Failed(error) | Self::Panicked(error) | Self::NotStarted(error) => Some(error),
            Self::Completed | Self::Interrupted => None,
        }
    }
}

impl From<Result<(), Error>> for Outcome {
    fn from(result: Result<(), Error>) -> Self {
        match result {
            Ok(()) => Self::Completed,
            Err(error) if error.kind() == ErrorKind::TaskInterrupted => Self::Interrupted,
            Err(error) => Self::Failed(error),
        }
    }
}

/// An [`Outcome`] without its data: a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OutcomeKind {
    /// See [`Outcome::Completed`].
    Completed,
    /// See [`Outcome::Failed`].
    Failed,
    /// See [`Outcome::Interrupted`].
    Interrupted,
    /// See [`Outcome::Panicked`].
    Panicked,
    /// See [`Outcome::NotStarted`].
    NotStarted,
}

impl OutcomeKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 5] =
        [Self::Completed, Self::Failed, Self::Interrupted, Self::Panicked, Self::NotStarted];

    /// The public name, which labels metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Panicked => "panicked",
            Self::NotStarted => "not_started",
        }
    }
}

impl fmt::Display for OutcomeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What had been done to a task, or its server, by the time the task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fate {
    /// Nothing: it ended by itself.
    Undisturbed,
    /// It was told to stop, or its server was draining: the end is not the task's fault.
    Stopped,
    /// It was told to stop because it had run longer than its own limit.
    Overran,
}

/// How often a message may be tried, and how long it waits between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Limits {
    /// Failed attempts after which a message goes to the dead letters, the first included. At least 1.
    pub max_attempts: u32,
    /// Deliveries, as the broker counts them, after which a message goes to the dead letters unseen. At least 1, and
    /// generous: interruptions and refusals are deliveries too.
    pub max_deliveries: u32,
    /// The delay before a retry whose error names none.
    pub retry_delay: Duration,
}

/// What is known of a message when it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Delivery {
    /// Which attempt this is; 1 the first time.
    pub attempt: u32,
    /// How often the broker has handed this message out, if it counts, this time included.
    pub deliveries: Option<u32>,
}

impl Verdict {
    /// The verdict on a message before its handler is called, or `None` if the handler may be called.
    ///
    /// A message that was delivered too often is one that keeps killing its server.
    pub fn on_arrival(delivery: Delivery, limits: Limits) -> Option<Self> {
        let deliveries = delivery.deliveries.filter(|&deliveries| deliveries > limits.max_deliveries)?;
        Some(Self::Failed(Error::new(
            ErrorKind::InvalidTask,
            format!("delivered {deliveries} times and never settled, the limit is {}", limits.max_deliveries),
        )))
    }

    /// The verdict on a message whose handler, or whose task's `details`, failed or panicked.
    ///
    /// An error of no kind of its own gets the one of handlers.
    pub fn on_handler_error(error: Error) -> Self {
        match error.kind() {
            ErrorKind::UnknownTask => Self::Failed(error.with_kind(ErrorKind::UnknownHandler)),
            _ => Self::Failed(error),
        }
    }

    /// The verdict on a request for which there is no room, or that comes to a server which is draining: its handler was
    /// not called, or its task not started.
    pub const fn on_refusal() -> Self {
        Self::Busy
    }

    /// The verdict on a request whose task has ended.
    pub fn on_end(outcome: Outcome, fate: Fate, attempt: u32, limits: Limits) -> Self {
        match (fate, outcome) {
            (_, Outcome::Completed) => Self::Done,
            (Fate::Stopped, _) => Self::Interrupted,
            // There was a slot and yet no room: that is no fault of the message's.
            (_, Outcome::NotStarted(_)) => Self::on_refusal(),
            (Fate::Overran, Outcome::Failed(error) | Outcome::Panicked(error)) => Self::Failed(error),
            (Fate::Overran, Outcome::Interrupted) => Self::Failed(overran()),
            (Fate::Undisturbed, Outcome::Panicked(error)) => Self::Failed(error),
            (Fate::Undisturbed, Outcome::Failed(error)) => match error.retry_delay(limits.retry_delay) {
                Some(after) => Self::retry(after, error, attempt, limits),
                None => Self::Failed(error),
            },
            (Fate::Undisturbed, Outcome::Interrupted) => {
                let error = Error::new(
                    ErrorKind::TaskInterrupted,
                    "the task gave up without having been told to stop",
                );
                Self::retry(limits.retry_delay, error, attempt, limits)
            }
        }
    }

    /// The verdict on a request whose task did not end within the kill timeout after its stop.
    pub fn on_not_killed(fate: Fate) -> Self {
        match fate {
            Fate::Overran => Self::Failed(overran()),
            Fate::Undisturbed | Fate::Stopped => Self::Interrupted,
        }
    }

    /// A retry, or the dead letters when this was the last attempt.
    fn retry(after: Duration, error: Error, attempt: u32, limits: Limits) -> Self {
        if attempt >= limits.max_attempts { Self::Failed(error) } else { Self::Retry { after, error } }
    }
}

fn overran() -> Error {
    Error::new(ErrorKind::InvalidTask, "the task ran longer than its max_run")
}

#[cfg(test)]
mod tests;
