//! A broker that others use, too: messages come from anywhere, and the worker serves them until it is told to end.

use std::future::pending;

use occamy_core::{Monitor, Observation, SlotStatus};

use super::connection::Connection;
use crate::broker::Broker;

/// Connects a server of this service.
pub(super) async fn connect(broker: &Broker, service: &str) -> anyhow::Result<Connection> {
    let name = format!("{service}-{}", uuid::Uuid::new_v4().simple());
    let transport = broker.connect(service, &name, None).await?;
    Ok(Connection { transport, monitor: Box::new(Log), end: Box::pin(pending()), shared: true })
}

/// Nobody waits for settlements as they are written with `memory:`, so the log tells of them. It tells of errors anyhow.
struct Log;

impl Monitor for Log {
    fn record(&self, observation: &Observation) {
        match observation {
            Observation::Finished { group, status: SlotStatus::Protected, outcome, ran, .. } => {
                tracing::info!(parent: None, %group, %outcome, ?ran, "a request has ended");
            }
            Observation::Settled { verdict } => tracing::debug!(parent: None, %verdict, "settled"),
            _ => {}
        }
    }
}
