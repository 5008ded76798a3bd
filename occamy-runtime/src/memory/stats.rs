//! What the broker tells about itself: its numbers, and the requests that failed for good.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use occamy_core::{Error, Headers, VerdictKind};

/// A request that failed for good.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The headers, and beside them why it failed: `occamy-reason`, `occamy-kind`, `occamy-origin` and `occamy-attempt`.
    /// The names stand in [`occamy_core::transport::header`].
    pub headers: Headers,
    /// The body, as it was sent.
    pub body: Bytes,
    /// Why it failed, with its source.
    pub error: Error,
    /// Tells it from all others.
    pub(super) number: u64,
}

/// What a [`MemoryBroker`](super::MemoryBroker) holds and has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests that wait for a server.
    pub queued: usize,
    /// Requests that are held back until their next attempt is due.
    pub delayed: usize,
    /// Unsettled requests, by the name of the server. Servers without any are not in here.
    pub in_flight: BTreeMap<Arc<str>, usize>,
    /// Dead letters that were not taken out.
    pub dead: usize,
    /// What the broker has done so far.
    pub counts: Counts,
}

/// What a [`MemoryBroker`](super::MemoryBroker) has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Requests that were sent.
    pub sent: u64,
    /// How often a request was delivered.
    pub delivered: u64,
    /// How often one was settled as done.
    pub done: u64,
    /// How often one was settled as failed.
    pub failed: u64,
    /// How often one was settled for another attempt.
    pub retried: u64,
    /// How often one was settled as interrupted.
    pub interrupted: u64,
    /// How often one was settled as busy.
    pub busy: u64,
    /// How often one went back unsettled: dropped, its connection ended, its lease over.
    pub redelivered: u64,
    /// Settlements that changed nothing, because the request had gone back before.
    pub stale: u64,
    /// Control messages that were dropped, because the queue of a server was full.
    pub controls_dropped: u64,
}

impl Counts {
    pub(super) fn settled(&mut self, verdict: VerdictKind) {
        let count = match verdict {
            VerdictKind::Done => &mut self.done,
            VerdictKind::Failed => &mut self.failed,
            VerdictKind::Retry => &mut self.retried,
            VerdictKind::Busy => &mut self.busy,
            // And whatever else there may be one day: it is handed back.
            _ => &mut self.interrupted,
        };
        *count += 1;
    }
}
