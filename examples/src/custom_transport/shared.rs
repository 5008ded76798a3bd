//! What the parts of a transport share.

use std::sync::Arc;
use std::time::Duration;

use occamy_transport::Shelf;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::leases::Leases;
use super::link::{Connections, Link};
use super::message::Request;
use super::names::Names;

pub(super) struct Shared {
    pub(super) names: Names,
    /// Our name in the consumer group. No two servers have the same, ever: entries are owned by name.
    pub(super) consumer: String,
    pub(super) lease: Duration,
    /// Of the transport's own thread.
    pub(super) runtime: Handle,
    pub(super) link: Arc<Link>,
    pub(super) leases: Arc<Leases>,
    pub(super) shelf: Shelf<Request>,
    /// Nothing goes on any more.
    pub(super) closed: CancellationToken,
}

impl Shared {
    /// The connections, if there are any within this time. Nobody waits for them after the end.
    pub(super) async fn connections(&self, patience: Duration) -> Option<Connections> {
        tokio::select! {
            biased;
            connections = self.link.connections() => Some(connections),
            () = self.closed.cancelled() => None,
            () = tokio::time::sleep(patience) => None,
        }
    }
}
