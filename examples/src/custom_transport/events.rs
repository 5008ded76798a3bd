//! Telling the monitor what happens to the connection.

use std::sync::Arc;

use occamy_core::{BrokerEvent, Monitor, Observation};
use tokio::sync::watch;

use super::link::Connections;

/// Tells the monitor of the connections as long as there are any. Begins with those that there are.
pub(super) async fn announce(
    mut connections: watch::Receiver<Option<Connections>>,
    monitor: Arc<dyn Monitor>,
) {
    let mut known = Known::default();
    loop {
        let epoch = connections.borrow_and_update().as_ref().map(|connections| connections.epoch);
        for event in known.look(epoch) {
            monitor.record(&Observation::Broker(*event));
        }
        if connections.changed().await.is_err() {
            return;
        }
    }
}

/// What has been told.
#[derive(Default)]
struct Known {
    /// The last connections, 0 if there were none yet.
    epoch: u64,
    lost: bool,
}

impl Known {
    /// What there is to tell when the connections are those of this epoch, or none. Who looks too late to see none still
    /// tells of their loss.
    fn look(&mut self, now: Option<u64>) -> &'static [BrokerEvent] {
        use BrokerEvent::{Connected, Disconnected, Reconnected};
        let (before, was_lost) = (self.epoch, self.lost);
        (self.epoch, self.lost) = (now.unwrap_or(before), now.is_none());
        match (before, now) {
            (0, Some(_)) => &[Connected],
            (0, None) => &[],
            (_, Some(_)) if was_lost => &[Reconnected],
            (before, Some(now)) if before != now => &[Disconnected, Reconnected],
            (_, None) if !was_lost => &[Disconnected],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_loss_and_return_is_told_though_nobody_saw_it_happen() {
        let mut known = Known::default();
        let mut look = |now| known.look(now);
        assert_eq!(look(Some(1)), [BrokerEvent::Connected]);
        assert_eq!(look(Some(1)), []);
        assert_eq!(look(None), [BrokerEvent::Disconnected]);
        assert_eq!(look(None), []);
        assert_eq!(look(Some(2)), [BrokerEvent::Reconnected]);
        assert_eq!(look(Some(4)), [BrokerEvent::Disconnected, BrokerEvent::Reconnected]);
        assert_eq!(look(None), [BrokerEvent::Disconnected]);
    }
}
