//! Serving until nothing more is to be done, or until a signal.

use std::io::BufReader;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use futures_util::FutureExt;
use occamy_runtime::{ServeError, ShutdownReport, signals};
use tokio::task::JoinError;

use super::connection::{Connection, End};
use super::replay::replay;
use super::{Options, complain, lines, shared};
use crate::broker::Broker;
use crate::observed::Observed;

/// What clap exits with when the options are wrong.
const USAGE: u8 = 2;

/// 130 is what shells use for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// The program: serves until nothing more is to be done, or until a signal.
///
/// # Errors
///
/// If there can be no server, or if it fails.
pub async fn main(options: &Options) -> anyhow::Result<ExitCode> {
    if let Some(which) = &options.replay_dead {
        if options.broker == Broker::Memory {
            Options::no_dead_letters().print()?;
            return Ok(ExitCode::from(USAGE));
        }
        return replay(&options.broker, &options.service, which).await;
    }
    let connection = match &options.broker {
        Broker::Memory => {
            lines::connect(&options.service, BufReader::new(std::io::stdin()), std::io::stdout())?
        }
        broker => shared::connect(broker, &options.service).await?,
    };
    let Connection { transport, monitor, mut end, shared } = connection;
    let observed = options.http.map(Observed::start).transpose()?;
    let shown = observed.as_ref().map(|observed| observed.monitor(&options.service));
    let server = match options.server().monitor((monitor, shown)).build() {
        Ok(server) => server,
        Err(error) => {
            Options::wrong(error)?.print()?;
            return Ok(ExitCode::from(USAGE));
        }
    };
    let mut serving = tokio::spawn(server.serve(transport).with_signals().into_future());
    let ended = tokio::select! {
        biased;
        ended = &mut end => Some(ended),
        () = signals::terminate() => None,
        served = &mut serving => return report(served).map(|_| ExitCode::FAILURE),
    };
    match &ended {
        // Who still runs is an assistant of what is done.
        Some(End::Settled { .. }) => drop(server.shutdown(Duration::ZERO).await),
        Some(End::OutputFailed(error)) => {
            complain(format_args!("settlements can't be written any more: {error}"));
            server.shutdown(*options.grace).await;
        }
        // Serving has heard of the signal itself.
        None => {}
    }
    let clean = report(serving.await)?;
    // After a signal the grace period may have been enough for everything.
    let ended = ended.or_else(|| end.now_or_never());
    Ok(match ended {
        Some(End::Settled { bad_input: false }) => ExitCode::SUCCESS,
        Some(End::Settled { bad_input: true } | End::OutputFailed(_)) => ExitCode::FAILURE,
        None if shared && clean => ExitCode::SUCCESS,
        None => ExitCode::from(INTERRUPTED),
    })
}

/// Whether everything came to its end.
fn report(served: Result<Result<ShutdownReport, ServeError>, JoinError>) -> anyhow::Result<bool> {
    let report = served.context("the server panicked")??;
    let clean = report.is_clean();
    if !clean {
        let (wedged, unsettled) = (report.wedged.len(), report.unsettled);
        tracing::warn!(wedged, unsettled, "not everything came to its end");
    }
    Ok(clean)
}
