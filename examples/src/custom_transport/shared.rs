//! What the parts of a transport share.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::leases::Leases;
use super::link::{Connections, Link};
use super::message::Delivery;
use super::names::Names;
use super::shelf::Shelf;

pub(super) struct Shared {
    pub(super) names: Names,
    /// Our name in the consumer group. No two servers have the same, ever: entries are owned by name.
    pub(super) consumer: String,
    pub(super) lease: Duration,
    /// Of the transport's own thread.
    pub(super) runtime: Handle,
    pub(super) link: Arc<Link>,
    pub(super) leases: Arc<Leases>,
    pub(super) shelf: Arc<Shelf<Delivery>>,
    pub(super) phase: watch::Sender<Phase>,
}

/// The life of a transport. It only goes on, never back.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) enum Phase {
    Open,
    /// No more requests are fetched.
    Draining,
    /// What was fetched is handed out or given back.
    Drained,
    Closed,
}

impl Shared {
    pub(super) fn enter(&self, phase: Phase) {
        self.phase.send_if_modified(|now| {
            let news = *now < phase;
            *now = if news { phase } else { *now };
            news
        });
    }

    pub(super) fn is_in(&self, phase: Phase) -> bool {
        *self.phase.borrow() >= phase
    }

    /// Resolves when the transport is in this phase, or beyond.
    pub(super) async fn reached(&self, phase: Phase) {
        // The sender is in here: there is no error.
        let _ = self.phase.subscribe().wait_for(|now| *now >= phase).await;
    }

    /// The connections, if there are any within this time. Nobody waits for them after the end.
    pub(super) async fn connections(&self, patience: Duration) -> Option<Connections> {
        tokio::select! {
            biased;
            connections = self.link.connections() => Some(connections),
            () = self.reached(Phase::Closed) => None,
            () = tokio::time::sleep(patience) => None,
        }
    }
}
