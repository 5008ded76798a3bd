//! A broken rule, by name.

use std::fmt::Debug;

/// A rule that the scheduler broke, and how.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) rule: &'static str,
    pub(crate) detail: String,
}

impl Violation {
    pub(crate) const fn new(rule: &'static str, detail: String) -> Self {
        Self { rule, detail }
    }

    pub(crate) fn expected(
        rule: &'static str,
        expected: impl Into<String>,
        got: Option<&impl Debug>,
    ) -> Self {
        let expected = expected.into();
        let detail = match got {
            Some(got) => format!("expected {expected}, got {got:?}"),
            None => format!("expected {expected}, and nothing came"),
        };
        Self { rule, detail }
    }
}

/// An `Err` unless the condition holds. The detail is only made up when it is needed.
pub(crate) fn ensure(
    holds: bool,
    rule: &'static str,
    detail: impl FnOnce() -> String,
) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::new(rule, detail())) }
}
