//! What the broker and the clock of the simulated fleet know of a server, whatever its policy.

use std::time::Duration;

use super::floor::{Floor, Hand, Note};

/// A server.
pub(super) trait Site {
    /// How many more requests it asks the broker for.
    fn room(&self) -> usize;

    /// Whether it has a slot with nothing in it, so that nobody need make room.
    fn has_empty_slot(&self) -> bool {
        self.room() > 0
    }

    /// Takes a request, for which there is room.
    fn take(&mut self, request: usize, floor: &mut Floor);

    /// One of its requests is done, by these hands, the oldest first.
    fn done(&mut self, request: usize, hands: Vec<Hand>, floor: &mut Floor);

    /// It learns something that was entered for it.
    fn told(&mut self, _: Note, _: &mut Floor) {}

    /// Does what it likes with what the broker had no request for.
    fn rest(&mut self, _: &mut Floor) {}
}

/// How long things take that take no time in the scheduler.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delays {
    /// From the stop of an assistant to its end.
    pub(super) stop: Duration,
    /// From the question for assistants to the answer.
    pub(super) answer: Duration,
}
