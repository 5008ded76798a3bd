//! Offers: how many are held, and which of those that wait comes next.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::scheduler::{Config, TaskKey};

/// The offers held, waiting and running together, so that an evicted one always finds its place again.
#[derive(Clone, Debug, Default)]
pub(super) struct Offers {
    /// Those that wait, by deadline. No deadline is the last of all.
    queue: BTreeSet<(Duration, TaskKey)>,
    held: usize,
    bytes: usize,
}

/// What counts against the bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct OfferUsage {
    pub(super) queued: usize,
    pub(super) held: usize,
    pub(super) bytes: usize,
}

impl Offers {
    /// Counts an offer in, unless that would break a bound.
    #[must_use]
    pub(super) fn admit(&mut self, bytes: usize, config: &Config) -> bool {
        let fits =
            self.held < config.max_offers && bytes <= config.max_offer_bytes.saturating_sub(self.bytes);
        if fits {
            self.held += 1;
            self.bytes += bytes;
        }
        fits
    }

    /// Counts an offer out.
    pub(super) fn release(&mut self, bytes: usize) {
        self.held -= 1;
        self.bytes -= bytes;
    }

    /// Lets an offer wait.
    pub(super) fn queue(&mut self, task: TaskKey, deadline: Option<Duration>) {
        self.queue.insert((deadline.unwrap_or(Duration::MAX), task));
    }

    /// Takes the first that waits, if its deadline has passed.
    pub(super) fn pop_expired(&mut self, now: Duration) -> Option<TaskKey> {
        let &(deadline, _) = self.queue.first()?;
        if deadline == Duration::MAX || deadline > now {
            return None;
        }
        self.pop()
    }

    /// Takes the first that waits.
    pub(super) fn pop(&mut self) -> Option<TaskKey> {
        self.queue.pop_first().map(|(_, task)| task)
    }

    /// The first that waits.
    pub(super) fn first(&self) -> Option<TaskKey> {
        self.queue.first().map(|&(_, task)| task)
    }

    pub(super) fn usage(&self) -> OfferUsage {
        OfferUsage { queued: self.queue.len(), held: self.held, bytes: self.bytes }
    }

    #[cfg(feature = "sim")]
    pub(super) fn iter(&self) -> impl Iterator<Item = TaskKey> + '_ {
        self.queue.iter().map(|&(_, task)| task)
    }
}
