//! What a broker can be asked for: by us, and by somebody who knows nothing of us.

use std::sync::Arc;

use bytes::Bytes;
use occamy_core::BoxFuture;
use occamy_core::transport::Transport;

use super::tally::Tally;

/// The queue of one service at one broker, which is there as our transport declares it.
pub(super) trait Broker: Send + Sync {
    /// Publishes a request as a client of the broker's does. Resolves when it is confirmed.
    fn publish(&self, body: Bytes) -> BoxFuture<'_, anyhow::Result<()>>;

    /// Our connection.
    fn transport(&self) -> BoxFuture<'_, anyhow::Result<Box<dyn Transport>>>;

    /// Consumes as a bare client does, on a connection of its own: a future is spawned for each message, does nothing,
    /// and settles the message with the guarantee of our transport. So many are delivered and not settled at most. Does
    /// not end but for an error.
    fn consume(&self, in_flight: u16, tally: Arc<Tally>) -> BoxFuture<'_, anyhow::Result<()>>;

    /// Removes the queue and what belongs to it.
    fn remove(&self) -> BoxFuture<'_, anyhow::Result<()>>;
}
