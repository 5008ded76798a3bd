//! The leases of the requests that this server has: kept by telling Redis, a few times in each, that we are still at it.
//!
//! Redis knows for how long an entry has been idle in the hands of its consumer. One that was idle for a lease is free to
//! be taken over, so we reset that time as long as a request is held, however long its task runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use occamy_core::LeaseWatch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::scripts;
use super::shared::Shared;

/// The requests held, by a number that is never used again: an entry that was lost may come back.
#[derive(Default)]
pub(super) struct Leases(Mutex<Table>);

#[derive(Default)]
struct Table {
    last: u64,
    leases: BTreeMap<u64, Lease>,
}

struct Lease {
    entry: String,
    renewed: Instant,
    /// Redis has said that the entry is no longer ours.
    taken: bool,
    watches: Vec<LeaseWatch>,
}

impl Lease {
    /// Somebody else may have the entry by now.
    fn is_lost(&self, length: Duration) -> bool {
        self.taken || self.renewed.elapsed() > length
    }
}

/// A request is held as long as this lives.
pub(super) struct Held {
    leases: Arc<Leases>,
    number: u64,
    pub(super) entry: String,
}

impl Leases {
    /// Holds an entry that Redis has just given us.
    pub(super) fn hold(self: &Arc<Self>, entry: String) -> Held {
        let mut table = self.lock();
        table.last += 1;
        let number = table.last;
        let (watches, renewed) = (Vec::new(), Instant::now());
        table.leases.insert(number, Lease { entry: entry.clone(), renewed, taken: false, watches });
        drop(table);
        Held { leases: Arc::clone(self), number, entry }
    }

    /// The entries that are held, as far as we know, by their numbers.
    pub(super) fn held(&self) -> BTreeMap<u64, String> {
        let table = self.lock();
        let held = table.leases.iter().filter(|(_, lease)| !lease.taken);
        held.map(|(&number, lease)| (number, lease.entry.clone())).collect()
    }

    /// What Redis has said of these, of which it was asked at that time: those that are taken are no longer ours.
    fn heard(&self, asked: &BTreeMap<u64, String>, at: Instant, taken: &BTreeSet<String>) {
        let mut table = self.lock();
        for (number, entry) in asked {
            // Some were settled meanwhile.
            if let Some(lease) = table.leases.get_mut(number) {
                if taken.contains(entry) { lease.taken = true } else { lease.renewed = at }
            }
        }
    }

    /// Tells who wants to know of the leases that are lost.
    fn tell(&self, length: Duration) {
        let mut lost = Vec::new();
        for lease in self.lock().leases.values_mut().filter(|lease| lease.is_lost(length)) {
            lost.append(&mut lease.watches);
        }
        lost.iter().for_each(|watch| watch());
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// True if Redis has said that the entry is somebody else's. Also if it is ours again, under another number.
    pub(super) fn is_taken(&self) -> bool {
        self.leases.lock().leases.get(&self.number).is_none_or(|lease| lease.taken)
    }

    /// Has this called when the lease is lost.
    pub(super) fn watch(&self, length: Duration, lost: LeaseWatch) {
        let mut table = self.leases.lock();
        match table.leases.get_mut(&self.number) {
            Some(lease) if !lease.is_lost(length) => lease.watches.push(lost),
            _ => {
                drop(table);
                lost();
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let lease = self.leases.lock().leases.remove(&self.number);
        // Its watches are not ours: they are dropped without the lock.
        drop(lease);
    }
}

/// Keeps the leases until the transport is closed. Looks also as soon as there is a new connection.
pub(super) async fn keep(shared: Arc<Shared>) {
    let mut tick = interval(shared.lease / 3);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connections = shared.link.watch();
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = connections.changed() => {}
            () = shared.closed.cancelled() => return,
        }
        let (asked, at) = (shared.leases.held(), Instant::now());
        if let (Some(connections), false) = (shared.link.now(), asked.is_empty()) {
            let renewed = scripts::renew(&shared, &connections, asked.values()).await;
            match shared.link.check(&connections, renewed) {
                Ok(taken) => shared.leases.heard(&asked, at, &taken),
                Err(error) => tracing::warn!(%error, "leases could not be renewed"),
            }
        }
        shared.leases.tell(shared.lease);
    }
}

#[cfg(test)]
mod tests;
