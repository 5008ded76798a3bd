//! The servers of this process.

use std::future::{IntoFuture, pending};
use std::time::{Duration, Instant};

use anyhow::Context;
use occamy_runtime::{ServeError, Server, ShutdownReport};
use tokio::task::{JoinError, JoinSet};

use super::site::Site;
use super::{Options, Timeline, handler};
use crate::observed::Observed;

/// How long requests may run on when their server is told to end. After that another server has them.
const GRACE: Duration = Duration::from_secs(2);

/// Some servers, each with a connection of its own. They hear the signals by themselves.
pub(super) struct Servers {
    servers: Vec<Server>,
    serving: JoinSet<Result<ShutdownReport, ServeError>>,
    timelines: Vec<Timeline>,
}

impl Servers {
    /// No servers.
    pub(super) fn none() -> Self {
        Self { servers: Vec::new(), serving: JoinSet::new(), timelines: Vec::new() }
    }

    /// As many servers as the options ask for. Without `expansion` their requests get no assistants.
    pub(super) async fn start(
        site: &Site,
        options: &Options,
        expansion: bool,
        observed: Option<&Observed>,
    ) -> anyhow::Result<Self> {
        let start = Instant::now();
        let mut started = Self::none();
        for number in 1..=options.servers() {
            let name = site.own(&format!("server-{number}"));
            let timeline = Timeline::new(&name, options.slots.into(), start);
            let transport =
                site.connect(&name).await.with_context(|| format!("{name} can't be connected"))?;
            let shown = observed.map(|observed| observed.monitor(&name));
            let server = Server::builder(handler(transport.publisher(), expansion))
                .name(name)
                .slots(options.slots.into())
                .grace(GRACE)
                .monitor((timeline.clone(), shown))
                .build()?;
            started.serving.spawn(server.serve(transport).with_signals().into_future());
            started.servers.push(server);
            started.timelines.push(timeline);
        }
        Ok(started)
    }

    /// What their slots did.
    pub(super) fn timelines(&self) -> &[Timeline] {
        &self.timelines
    }

    /// Resolves when one of them fails.
    pub(super) async fn failure(&mut self) -> anyhow::Error {
        while let Some(served) = self.serving.join_next().await {
            if let Err(error) = report(served) {
                return error;
            }
        }
        pending().await
    }

    /// Shuts them down. Requests may run on for the grace period.
    pub(super) async fn shutdown(&self) {
        for server in &self.servers {
            server.shutdown(GRACE).await;
        }
    }

    /// Waits until they have ended, after a signal or a shutdown.
    pub(super) async fn ended(&mut self) -> anyhow::Result<()> {
        while let Some(served) = self.serving.join_next().await {
            report(served)?;
        }
        Ok(())
    }
}

fn report(served: Result<Result<ShutdownReport, ServeError>, JoinError>) -> anyhow::Result<()> {
    served.context("a server panicked")?.context("a server failed")?;
    Ok(())
}
