//! The broker of a simulated world: holds request messages, leases them to servers, takes verdicts.

use std::time::Duration;

use crate::Verdict;

/// The broker.
#[derive(Debug, Default)]
pub(crate) struct Broker {
    /// Every message that is not settled for good, oldest first.
    messages: Vec<Message>,
    pub(crate) dead_letters: u64,
}

/// A request message.
#[derive(Clone, Debug)]
struct Message {
    attempt: u32,
    ready: Duration,
    lease: Option<Lease>,
}

/// Who has a message at the moment: which server, and as which task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) server: u64,
    pub(crate) key: u64,
}

impl Broker {
    /// How many messages are not settled for good.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(crate) fn publish(&mut self, now: Duration) {
        self.messages.push(Message { attempt: 1, ready: now, lease: None });
    }

    /// When the next message can be handed out.
    pub(crate) fn next_ready(&self) -> Option<Duration> {
        self.messages.iter().filter(|message| message.lease.is_none()).map(|message| message.ready).min()
    }

    /// Hands out the message that has been ready for longest, and tells its attempt.
    pub(crate) fn deliver(&mut self, now: Duration, lease: Lease) -> Option<u32> {
        let ready =
            self.messages.iter_mut().filter(|message| message.lease.is_none() && message.ready <= now);
        let message = ready.min_by_key(|message| message.ready)?;
        message.lease = Some(lease);
        Some(message.attempt)
    }

    /// Takes a verdict. One on a message that is no longer leased to this server is stale, and changes nothing.
    pub(crate) fn settle(&mut self, lease: Lease, verdict: &Verdict, now: Duration, jitter: Duration) {
        let Some(at) = self.messages.iter().position(|message| message.lease == Some(lease)) else { return };
        let message = &mut self.messages[at];
        message.lease = None;
        match verdict {
            Verdict::Done => {
                self.messages.remove(at);
            }
            Verdict::Failed(_) => {
                self.messages.remove(at);
                self.dead_letters += 1;
            }
            Verdict::Retry { after, .. } => {
                message.attempt += 1;
                message.ready = now + *after;
            }
            Verdict::Interrupted => message.ready = now,
            Verdict::Busy => message.ready = now + jitter,
        }
    }

    /// The `nth` lease, counted round.
    pub(crate) fn lease(&self, nth: usize) -> Option<Lease> {
        let count = self.messages.iter().filter(|message| message.lease.is_some()).count();
        self.messages.iter().filter_map(|message| message.lease).nth(nth.checked_rem(count)?)
    }

    /// A lease runs out: the message is ready for another server.
    pub(crate) fn lose(&mut self, lease: Lease, now: Duration) {
        if let Some(message) = self.messages.iter_mut().find(|message| message.lease == Some(lease)) {
            message.lease = None;
            message.ready = now;
        }
    }

    /// Leases of a server.
    pub(crate) fn leased_to(&self, server: u64) -> usize {
        let leases = self.messages.iter().filter_map(|message| message.lease);
        leases.filter(|lease| lease.server == server).count()
    }
}
