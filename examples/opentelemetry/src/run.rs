//! Two servers, one request, and its end.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use occamy_core::transport::Transport;
use occamy_runtime::Server;
use occamy_runtime::memory::MemoryBroker;
use occamy_runtime::spans::Propagator;

use crate::{OpenTelemetry, crew};

/// How long everything may take.
const BOUND: Duration = Duration::from_secs(60);

/// The master's, and the two that it sends.
const REQUESTS: u64 = 3;

/// Sends the request of a master to two servers, and returns when all of it is done. The spans are then closed.
///
/// # Errors
///
/// If it takes longer than a minute, or if a server fails.
pub async fn run() -> anyhow::Result<()> {
    let broker = MemoryBroker::new();
    let mut servers = Vec::new();
    for name in ["north", "south"] {
        let transport = broker.connect(name);
        let server = Server::builder(crew::handler(transport.publisher()))
            .name(name)
            .slots(4)
            .propagator(OpenTelemetry::default())
            .build()?;
        servers.push((server.clone(), tokio::spawn(server.serve(transport).into_future())));
    }

    order(&broker).await?;
    let done = async {
        while broker.stats().counts.done < REQUESTS {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(BOUND, done).await.context("the master is not done in time")?;

    for (server, serving) in servers {
        server.shutdown(BOUND).await;
        serving.await??;
    }
    Ok(())
}

/// What a client does: the request has the place of the client's span.
async fn order(broker: &MemoryBroker) -> anyhow::Result<()> {
    let span = tracing::info_span!("order", otel.name = "send request", otel.kind = "producer");
    let mut headers = crew::request("master");
    if let Some(trace) = OpenTelemetry::default().trace_context(&span) {
        headers = trace.put_on(headers);
    }
    Ok(broker.publisher().request(headers, Bytes::new()).await?)
}
