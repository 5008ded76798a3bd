//! What came of the checks.

use std::fmt;
use std::time::Duration;

/// What came of all checks that were run.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// One entry for each check, in the order in which they ended.
    pub outcomes: Vec<CheckOutcome>,
}

impl Report {
    /// True if no check has failed.
    pub fn is_passed(&self) -> bool {
        self.failed().next().is_none()
    }

    /// The names of the checks that have failed.
    pub fn failed(&self) -> impl Iterator<Item = &'static str> {
        let failed = |outcome: &&CheckOutcome| matches!(outcome.verdict, CheckVerdict::Failed(_));
        self.outcomes.iter().filter(failed).map(|outcome| outcome.check)
    }
}

/// What came of one check. Its `Display` is the line that is printed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CheckOutcome {
    /// The name of the check.
    pub check: &'static str,
    /// What came of it.
    pub verdict: CheckVerdict,
    /// How long it took, by the clock of the system.
    pub took: Duration,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckVerdict {
    /// The promise is kept.
    Passed,
    /// It isn't, or it could not be found out: what was expected, and what was seen.
    Failed(String),
    /// The check makes no sense with this transport: why.
    NotApplicable(String),
}

impl fmt::Display for CheckOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = self.took.as_secs_f64();
        match &self.verdict {
            CheckVerdict::Passed => write!(f, "{}: passed ({took:.1} s)", self.check),
            CheckVerdict::Failed(why) => write!(f, "{}: FAILED ({took:.1} s): {why}", self.check),
            CheckVerdict::NotApplicable(why) => write!(f, "{}: not applicable: {why}", self.check),
        }
    }
}
