//! Our side: a server whose tasks do nothing.

use std::sync::Arc;

use anyhow::ensure;
use bytes::Bytes;
use occamy_core::{
    AsyncTask, BoxFuture, BoxTask, Error, Handler, Headers, Monitor, Observation, Task, TaskContext,
    TaskDetails, VerdictKind,
};
use tokio_util::sync::CancellationToken;

use super::broker::Broker;
use super::tally::Tally;
use crate::kind::Kind;
use crate::stage;

pub(super) struct Settings {
    pub(super) kind: Kind,
    pub(super) slots: usize,
    /// How many slots expansion leaves empty.
    pub(super) buffer: usize,
}

/// Serves until it is told to stop.
pub(super) async fn serve(
    broker: &dyn Broker,
    settings: &Settings,
    tally: Arc<Tally>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let handler = Idle { kind: settings.kind, tally: Arc::clone(&tally) };
    let server =
        stage::server(settings.slots, handler).expansion_slot_buffer(settings.buffer).monitor(Settled(tally));
    let transport = broker.transport().await?;
    let served = server.build()?.serve(transport).with_graceful_shutdown(stop.cancelled_owned());
    let report = served.await?;
    ensure!(report.is_clean(), "the server did not end: {report:?}");
    Ok(())
}

/// Makes tasks that do nothing.
struct Idle {
    kind: Kind,
    tally: Arc<Tally>,
}

impl Handler for Idle {
    fn handle(&self, _: &Headers, body: &Bytes) -> Result<BoxTask, Error> {
        let task = Nothing { body: body.clone(), tally: Arc::clone(&self.tally) };
        Ok(match self.kind {
            Kind::Async => BoxTask::future(task),
            Kind::Threads => task.into(),
        })
    }
}

#[derive(Debug)]
struct Nothing {
    body: Bytes,
    tally: Arc<Tally>,
}

impl Task for Nothing {
    fn details(&self) -> TaskDetails {
        TaskDetails::default()
    }

    fn run(&self, _: &TaskContext) -> Result<(), Error> {
        self.tally.started(&self.body);
        Ok(())
    }
}

impl AsyncTask for Nothing {
    fn details(&self) -> TaskDetails {
        TaskDetails::default()
    }

    fn run<'a>(&'a self, _: &'a TaskContext) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async {
            self.tally.started(&self.body);
            Ok(())
        })
    }
}

/// Counts the settlements that are through.
struct Settled(Arc<Tally>);

impl Monitor for Settled {
    fn record(&self, observation: &Observation) {
        match observation {
            Observation::Settled { verdict: VerdictKind::Done } => self.0.settled(),
            Observation::Settled { .. } => self.0.not_done(),
            _ => {}
        }
    }
}
