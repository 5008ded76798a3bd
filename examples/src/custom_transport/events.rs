//! Telling the monitor what happens to the connection.

use occamy_core::transport::Observer;
use tokio::sync::watch;

use super::link::Connections;

/// Tells of the connections as long as there are any. Begins with those that there are.
pub(super) async fn announce(mut connections: watch::Receiver<Option<Connections>>, observer: Observer) {
    let mut known = None;
    loop {
        let epoch = connections.borrow_and_update().as_ref().map(|connections| connections.epoch);
        if epoch != known {
            // Who looks too late to see that there were none still tells of their loss.
            observer.set_connected(false);
            observer.set_connected(epoch.is_some());
            known = epoch;
        }
        if connections.changed().await.is_err() {
            return;
        }
    }
}
