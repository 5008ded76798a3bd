//! What has happened on a server since it was first heard of, in numbers.

use occamy_core::{BrokerEvent, Observation, OutcomeKind};
use serde::Serialize;

/// How often each thing has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Tally {
    started: u64,
    completed: u64,
    failed: u64,
    interrupted: u64,
    panicked: u64,
    evictions: u64,
    errors: u64,
    settled: u64,
    stale_settlements: u64,
    reconnects: u64,
    /// Now: those that wait, those that wait or run, and the bytes of these.
    offers_queued: usize,
    offers_held: usize,
    offers_bytes: usize,
    offers_dropped: u64,
}

impl Tally {
    pub(super) fn count(&mut self, observation: &Observation) {
        let counter = match observation {
            Observation::Started { .. } => &mut self.started,
            Observation::Stopping { reason, .. } if reason.is_eviction() => &mut self.evictions,
            Observation::Finished { outcome, .. } => match outcome {
                OutcomeKind::Completed => &mut self.completed,
                OutcomeKind::Interrupted => &mut self.interrupted,
                OutcomeKind::Panicked => &mut self.panicked,
                _ => &mut self.failed,
            },
            Observation::Failed { .. } => &mut self.errors,
            Observation::Settled { .. } => &mut self.settled,
            Observation::OfferDropped { .. } => &mut self.offers_dropped,
            Observation::Broker(BrokerEvent::StaleSettlement) => &mut self.stale_settlements,
            Observation::Broker(BrokerEvent::Reconnected) => &mut self.reconnects,
            Observation::Offers { queued, held, bytes } => {
                (self.offers_queued, self.offers_held, self.offers_bytes) = (*queued, *held, *bytes);
                return;
            }
            _ => return,
        };
        *counter += 1;
    }
}
