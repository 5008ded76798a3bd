//! Whether the broker can be reached.

use std::sync::Arc;
use std::time::Duration;

use occamy_core::Monitor;
use occamy_core::transport::Observer;
use tokio::sync::watch;
use tokio::time::timeout;

/// Whether the broker can be reached: for who waits for it, and for the monitor, which is told of every change.
#[derive(Debug)]
pub struct Connectivity {
    connected: watch::Sender<bool>,
    observer: Observer,
}

impl Connectivity {
    /// It can be reached now, or not yet.
    pub fn new(connected: bool) -> Self {
        Self { connected: watch::Sender::new(connected), observer: Observer::new() }
    }

    /// Whom to tell of what else happens.
    pub fn observer(&self) -> &Observer {
        &self.observer
    }

    /// From here on this monitor is told, of the connection that is there as well.
    pub fn observe(&self, monitor: Arc<dyn Monitor>) {
        if self.observer.observe(monitor) && self.is_connected() {
            self.observer.set_connected(true);
        }
    }

    /// True if it can be reached, as far as is known.
    pub fn is_connected(&self) -> bool {
        *self.connected.borrow()
    }

    /// It can be reached from now on, or no more.
    pub fn set(&self, connected: bool) {
        self.connected.send_replace(connected);
        self.observer.set_connected(connected);
    }

    /// Resolves when it can be reached.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn connected(&self) {
        // It is never closed, since this has the sending end.
        let _ = self.connected.subscribe().wait_for(|&connected| connected).await;
    }

    /// Resolves when it can be reached no more.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn lost(&self) {
        let _ = self.connected.subscribe().wait_for(|&connected| !connected).await;
    }

    /// Waits until it can be reached, for so long at most. Tells whether it can. Needs tokio's timer.
    pub async fn connected_within(&self, patience: Duration) -> bool {
        // Without a timer where nothing is to be waited for.
        self.is_connected() || timeout(patience, self.connected()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use occamy_core::{BrokerEvent, Observation, RecordingMonitor};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_hears_of_it_and_so_does_the_monitor() {
        let (link, monitor) = (Arc::new(Connectivity::new(true)), RecordingMonitor::new());
        link.observe(Arc::new(monitor.clone()));
        assert!(link.lost().now_or_never().is_none());
        let losing = tokio::spawn({
            let link = Arc::clone(&link);
            async move { link.lost().await }
        });
        tokio::task::yield_now().await;
        link.set(false);
        losing.await.unwrap();
        assert!(!link.connected_within(Duration::from_secs(9)).await);
        let waiting = tokio::spawn({
            let link = Arc::clone(&link);
            async move { link.connected_within(Duration::from_secs(9)).await }
        });
        tokio::task::yield_now().await;
        link.set(true);
        assert!(waiting.await.unwrap());
        let events = [BrokerEvent::Connected, BrokerEvent::Disconnected, BrokerEvent::Reconnected];
        assert_eq!(monitor.take(), events.map(Observation::Broker));
    }
}
