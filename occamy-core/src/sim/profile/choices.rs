//! How tasks behave: the choices that a mix gives weights to.

use std::time::Duration;

use fastrand::Rng;

/// How a task ends that nobody stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    Completed,
    Failed,
    Retryable,
    Interrupted,
    Panicked,
}

/// How long a stopped task takes to end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Obedience {
    AtOnce,
    Slow,
    JustInTime,
    AtTheDeadline,
    JustTooLate,
    /// It goes on as if nothing had been said.
    Deaf,
}

/// How many assistants an asked task creates.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Amount {
    Full,
    Short,
    None,
    TooMany,
    /// It never answers.
    Silence,
}

/// How long something takes, in units of the kill timeout.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Span {
    Instant,
    Tiny,
    Part,
    Some,
    Long,
}

impl Span {
    pub(crate) fn draw(self, rng: &mut Rng, unit: Duration) -> Duration {
        // Rounded to microseconds, so that several things fall on the same moment.
        let micros = unit.as_micros() as u64;
        Duration::from_micros(match self {
            Self::Instant => 0,
            Self::Tiny => rng.u64(0..=micros / 50 + 1),
            Self::Part => rng.u64(0..=micros / 2),
            Self::Some => rng.u64(micros / 2..=micros * 3),
            Self::Long => rng.u64(micros * 3..=micros * 20),
        })
    }
}
