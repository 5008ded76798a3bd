//! What a change of the broker's state brings about outside of it, once the lock is free.

use std::sync::Arc;

use occamy_core::transport::Observer;
use occamy_core::{LeaseWatch, Observation};
use tokio::sync::Notify;

/// Collected under the lock, carried out without it: none of this is ours, and may call the broker.
#[derive(Default)]
pub(super) struct Effects {
    /// Leases that were lost.
    lost: Vec<LeaseWatch>,
    /// Callbacks that nobody needs any more. Dropping them may run code of the user's.
    unneeded: Vec<LeaseWatch>,
    observations: Vec<(Observer, Observation)>,
    woken: Vec<Arc<Notify>>,
}

impl Effects {
    pub(super) fn lose(&mut self, watches: Vec<LeaseWatch>) {
        self.lost.extend(watches);
    }

    pub(super) fn drop(&mut self, watches: Vec<LeaseWatch>) {
        self.unneeded.extend(watches);
    }

    pub(super) fn tell(&mut self, observer: Observer, observation: Observation) {
        self.observations.push((observer, observation));
    }

    pub(super) fn wake(&mut self, waiter: &Arc<Notify>) {
        self.woken.push(Arc::clone(waiter));
    }

    /// The old owners hear of their loss before anybody else is woken.
    pub(super) fn carry_out(self) {
        for lost in &self.lost {
            lost();
        }
        for (observer, observation) in &self.observations {
            observer.record(observation);
        }
        for waiter in &self.woken {
            waiter.notify_waiters();
        }
    }
}
