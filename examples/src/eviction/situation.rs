//! What a request may find: who holds the slots, and what the server allows.

use std::time::Duration;

use super::Options;

/// One row of the table.
#[derive(Clone, Debug)]
pub(super) struct Situation {
    /// Which assistants hold the slots, for the table.
    pub(super) holders: &'static str,
    /// Nobody holds them if there is no habit.
    pub(super) habit: Option<Habit>,
    pub(super) overlap: usize,
    /// Whether victims that left their slot are lowered to idle priority.
    pub(super) idle_priority: bool,
    /// The server's default if `None`: so that it plays no part where every assistant stops.
    pub(super) kill_timeout: Option<Duration>,
    /// How many requests the server gets, one after the other.
    pub(super) requests: usize,
}

/// What an assistant does about its stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    /// Looks after every stretch of computing.
    Looks,
    /// Goes on until the example itself has had enough of it.
    NeverLooks,
}

impl Situation {
    /// Every row, the empty server first: the others are compared with it.
    pub(super) fn all(options: &Options) -> Vec<Self> {
        let overlap = usize::from(options.overlap);
        let empty = Self {
            holders: "none",
            habit: None,
            overlap: 0,
            idle_priority: true,
            kill_timeout: None,
            requests: options.requests.into(),
        };
        let rare = Self { holders: "rarely look", habit: Some(Habit::Looks), ..empty.clone() };
        let never = Self {
            holders: "never look",
            habit: Some(Habit::NeverLooks),
            kill_timeout: Some(options.kill_timeout),
            // There is nobody left to take a slot from once the first has waited for all of them.
            requests: 1,
            ..empty.clone()
        };
        let rare_overlap = Self { overlap, ..rare.clone() };
        // One for each leftover that there may be: the next would wait as without overlap.
        let never_overlap = Self { overlap, requests: overlap, ..never.clone() };
        let not_lowered = |situation: &Self| Self { idle_priority: false, ..situation.clone() };
        let (rare_beside, never_beside) = (not_lowered(&rare_overlap), not_lowered(&never_overlap));
        vec![empty, rare, rare_overlap, rare_beside, never, never_overlap, never_beside]
    }
}
