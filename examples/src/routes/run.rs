//! One run: the servers and the client of this process, or only one of the two, until all is done or a signal comes.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use occamy_runtime::signals;

use super::client::Client;
use super::options::{Options, Role, Source};
use super::progress::Progress;
use super::servers::Servers;
use super::site::Site;
use super::{Board, Row, Timeline};
use crate::observed::Observed;

/// How often progress is shown on a terminal.
const SHOW: Duration = Duration::from_millis(100);

/// What a run came to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) site: Site,
    /// The requests, if there was a client.
    pub(super) rows: Vec<Row>,
    /// What the slots did, if there were servers.
    pub(super) timelines: Vec<Timeline>,
    /// Why requests have no result, if any have none.
    pub(super) failures: Vec<String>,
    /// True if a signal ended the run.
    pub(super) interrupted: bool,
}

/// Runs until every request has its result, or until a signal.
pub(super) async fn run(
    options: &Options,
    sources: &[Source],
    seed: u64,
    expansion: bool,
    observed: Option<&Observed>,
    show: bool,
) -> anyhow::Result<Outcome> {
    let site = Site::new(options);
    let (has_servers, has_client) = (options.role != Role::Client, options.role != Role::Server);
    // It listens before anybody can have anything to say.
    let client = if has_client { Some(Client::connect(&site).await?) } else { None };
    let board = client.as_ref().map(|client| client.board().clone()).unwrap_or_default();
    let mut servers = if has_servers {
        Servers::start(&site, options, expansion, observed).await?
    } else {
        Servers::none()
    };
    let timelines = servers.timelines().to_vec();
    if !has_client {
        let (service, broker) = (&options.service, &options.broker);
        eprintln!("serving {service} at {broker}, until Ctrl-C or SIGTERM");
    }

    let progress = Progress::new(show);
    let work = async {
        let Some(client) = &client else { return pending().await };
        client.send(&site, options, sources, seed).await?;
        anyhow::Ok(client.results(options.patience, || site.failures().len()).await)
    };
    let (missing, interrupted) = tokio::select! {
        biased;
        () = signals::terminate() => (Vec::new(), true),
        missing = work => (missing?, false),
        failure = servers.failure() => return Err(failure),
        never = show_progress(&progress, &board, &timelines) => match never {},
    };
    if !interrupted {
        servers.shutdown().await;
    }
    // The client goes on listening: what ends in the grace period is done.
    servers.ended().await?;
    if let Some(client) = client {
        client.close().await;
    }
    progress.show(&board, &timelines);
    let failures = [site.failures(), missing].concat();
    Ok(Outcome { site, rows: board.all(), timelines, failures, interrupted })
}

async fn show_progress(progress: &Progress, board: &Board, timelines: &[Timeline]) -> Infallible {
    loop {
        progress.show(board, timelines);
        tokio::time::sleep(SHOW).await;
    }
}
