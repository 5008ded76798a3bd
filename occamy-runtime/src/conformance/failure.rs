//! Why a check failed.

use std::fmt;

use occamy_core::Error;
use occamy_core::transport::PublishError;

use super::subject::SubjectError;

/// What was expected, and what was seen.
#[derive(Debug)]
pub(super) struct Failure(pub(super) String);

pub(super) type Checked<T = ()> = Result<T, Failure>;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<SubjectError> for Failure {
    fn from(error: SubjectError) -> Self {
        Self(format!("the subject could not do what it was asked for: {error}"))
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        Self(format!("a message could not be sent: {error}"))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}
