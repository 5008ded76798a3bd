//! How long the requests that a server has are still its own, and keeping them so.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::Subject;
use occamy_core::LeaseWatch;

/// The requests that are out, each with the time until which JetStream hands it to nobody else, as far as we know.
///
/// That time is reckoned from when a renewal was sent, not from when it was answered: so it errs on the safe side.
pub(crate) struct Leases {
    /// The consumer's ack wait.
    length: Duration,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    next: u64,
    leases: BTreeMap<u64, Lease>,
}

struct Lease {
    /// Where renewals are sent to.
    reply: Subject,
    until: Instant,
    /// A renewal is under way.
    renewing: bool,
    /// It is being handed back.
    let_go: bool,
    watches: Vec<LeaseWatch>,
}

impl Leases {
    pub(crate) fn new(length: Duration) -> Self {
        Self { length, held: Mutex::default() }
    }

    /// How often [`due`](Self::due) and [`expire`](Self::expire) are to be called.
    pub(crate) fn period(&self) -> Duration {
        self.length / 12
    }

    /// How long a renewal may take.
    pub(crate) fn patience(&self) -> Duration {
        self.length / 3
    }

    /// A request has come.
    pub(crate) fn begin(&self, reply: Subject, now: Instant) -> u64 {
        let mut held = self.held();
        held.next += 1;
        let key = held.next;
        let lease =
            Lease { reply, until: now + self.length, renewing: false, let_go: false, watches: Vec::new() };
        held.leases.insert(key, lease);
        key
    }

    /// It is settled, or given back: nobody is told any more.
    pub(crate) fn end(&self, key: u64) {
        let ended = self.held().leases.remove(&key);
        // Dropping the callbacks may run code that isn't ours: not under the lock.
        drop(ended);
    }

    /// How much of a lease is left, if anything is.
    pub(crate) fn left(&self, key: u64, now: Instant) -> Option<Duration> {
        let until = self.held().leases.get(&key)?.until;
        until.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    /// Calls `lost` when the lease is over: at once if it is.
    pub(crate) fn watch(&self, key: u64, lost: LeaseWatch) {
        let lost = match self.held().leases.get_mut(&key) {
            Some(lease) => return lease.watches.push(lost),
            None => lost,
        };
        lost();
    }

    /// Those to be renewed: which a third of the time has passed for, or all.
    pub(crate) fn due(&self, now: Instant, all: bool) -> Vec<(u64, Subject)> {
        let soon = now + self.length * 2 / 3;
        let mut held = self.held();
        let due = held
            .leases
            .iter_mut()
            .filter(|(_, lease)| !lease.renewing && !lease.let_go && (all || lease.until <= soon));
        due.map(|(&key, lease)| {
            lease.renewing = true;
            (key, lease.reply.clone())
        })
        .collect()
    }

    /// Renews it no more, since it is being handed back: a renewal that comes after that would keep it from everybody.
    pub(crate) fn let_go(&self, key: u64) {
        if let Some(lease) = self.held().leases.get_mut(&key) {
            lease.let_go = true;
        }
    }

    /// False if it has been let go or has ended since it was due.
    pub(crate) fn may_renew(&self, key: u64) -> bool {
        self.held().leases.get(&key).is_some_and(|lease| !lease.let_go)
    }

    /// A renewal has ended: it was sent at this time, and answered or not.
    pub(crate) fn renewed(&self, key: u64, sent: Instant, answered: bool) {
        if let Some(lease) = self.held().leases.get_mut(&key) {
            lease.renewing = false;
            if answered {
                lease.until = lease.until.max(sent + self.length);
            }
        }
    }

    /// Ends those whose time is over, and returns whom to tell.
    pub(crate) fn expire(&self, now: Instant) -> Vec<LeaseWatch> {
        let mut held = self.held();
        let over: Vec<u64> =
            held.leases.iter().filter(|(_, lease)| lease.until <= now).map(|(&key, _)| key).collect();
        let over = over.into_iter().filter_map(|key| held.leases.remove(&key));
        over.flat_map(|lease| lease.watches).collect()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing that holds the lock leaves it half changed.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const LENGTH: Duration = Duration::from_secs(30);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn counter() -> (Arc<AtomicUsize>, LeaseWatch) {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let watch = move || {
            counted.fetch_add(1, Ordering::Relaxed);
        };
        (count, Arc::new(watch))
    }

    #[test]
    fn a_lease_is_renewed_after_a_third_of_it_and_one_renewal_at_a_time() {
        let (leases, start) = (Leases::new(LENGTH), Instant::now());
        let key = leases.begin("reply".into(), start);
        assert!(leases.due(start + seconds(9), false).is_empty());
        assert_eq!(leases.due(start + seconds(10), false).len(), 1);
        assert!(leases.due(start + seconds(11), false).is_empty(), "it is under way");
        leases.renewed(key, start + seconds(10), true);
        assert!(leases.due(start + seconds(19), false).is_empty());
        assert_eq!(leases.due(start + seconds(12), true).len(), 1, "all of them");
        assert_eq!(leases.left(key, start + seconds(12)), Some(seconds(28)));
    }

    #[test]
    fn without_an_answer_it_is_over_and_those_who_watch_are_told_once() {
        let (leases, start) = (Leases::new(LENGTH), Instant::now());
        let key = leases.begin("reply".into(), start);
        let (count, watch) = counter();
        leases.watch(key, watch);
        leases.due(start + seconds(10), false);
        leases.renewed(key, start + seconds(10), false);
        assert!(leases.expire(start + seconds(29)).is_empty());
        assert_eq!(leases.left(key, start + seconds(30)), None);
        for watch in leases.expire(start + seconds(30)) {
            watch();
        }
        assert!(leases.expire(start + seconds(31)).is_empty());
        // An answer that comes now changes nothing.
        leases.renewed(key, start + seconds(20), true);
        assert_eq!(leases.left(key, start + seconds(31)), None);
        assert_eq!(count.load(Ordering::Relaxed), 1);
        // And whoever asks later is told at once.
        let (count, watch) = counter();
        leases.watch(key, watch);
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn what_is_being_handed_back_is_not_renewed() {
        let (leases, start) = (Leases::new(LENGTH), Instant::now());
        let key = leases.begin("reply".into(), start);
        // Due just before.
        assert_eq!(leases.due(start + seconds(10), false).len(), 1);
        assert!(leases.may_renew(key));
        leases.let_go(key);
        assert!(!leases.may_renew(key));
        leases.renewed(key, start + seconds(10), false);
        assert!(leases.due(start + seconds(20), true).is_empty());
        assert_eq!(leases.left(key, start + seconds(20)), Some(seconds(10)));
    }

    #[test]
    fn what_is_settled_is_nobody_told_of() {
        let (leases, start) = (Leases::new(LENGTH), Instant::now());
        let key = leases.begin("reply".into(), start);
        let (count, watch) = counter();
        leases.watch(key, watch);
        leases.end(key);
        assert!(leases.expire(start + seconds(99)).is_empty());
        assert_eq!((count.load(Ordering::Relaxed), Arc::strong_count(&count)), (0, 1));
    }
}
