//! One run of a command, from launch to outcome.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::maybe_done;
use occamy_core::{CommandTask, Error, ErrorKind, Outcome, TaskContext};
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;

use super::launch::{Launched, launch};
use super::output::Output;
use super::priority::Priority;
use super::status;
use crate::futures::PATIENCE;
use crate::host::Host;

/// How much of the kill timeout may be spent on reading what an ended program has left in its pipes; and at most how long.
/// Takes no time unless somebody who left the group holds them open.
const REMAINDER: f64 = 0.1;
const MAX_REMAINDER: Duration = Duration::from_secs(1);

/// Runs a command until it has ended, and its whole group with it.
///
/// # Cancel safety
///
/// Dropped at any await it kills the group.
pub(crate) async fn run(
    command: &CommandTask,
    cx: &TaskContext,
    host: &Host,
    kill_timeout: Duration,
) -> Outcome {
    match run_to_end(command, cx, host, kill_timeout).await {
        // The program's own failures are of another kind.
        Err(error) if error.kind() == ErrorKind::TaskNotAdded => Outcome::NotStarted(error),
        result => result.into(),
    }
}

async fn run_to_end(
    command: &CommandTask,
    cx: &TaskContext,
    host: &Host,
    kill_timeout: Duration,
) -> Result<(), Error> {
    let priority = Priority::default();
    host.lowered_by({
        let priority = priority.clone();
        move || priority.lower()
    });
    let Launched { mut group, input, stdout, stderr } = launch(command, cx, priority).await?;
    let mut output = Output::new(command, cx);
    let status = {
        let mut reading = pin!(maybe_done(output.read(stdout, stderr)));
        let status = {
            let streams = async {
                tokio::join!(feed(input, &command.body), &mut reading);
                std::future::pending::<Infallible>().await
            };
            tokio::select! {
                // First, so that no stop is missed for all the output.
                biased;
                status = group.end(cx, kill_timeout.mul_f64(PATIENCE)) => status,
                never = streams => match never {},
            }
        };
        // What the program has left running.
        group.kill();
        let bound = kill_timeout.mul_f64(REMAINDER).min(MAX_REMAINDER);
        if tokio::time::timeout(bound, reading).await.is_err() {
            tracing::debug!("a process that left the program's group holds its output open");
        }
        group.bury().await;
        status
    };
    let status = status.map_err(|error| {
        Error::new(ErrorKind::UnknownTask, "there was no waiting for the program").with_source(error)
    })?;
    status::outcome(command, status, cx.is_stopped(), &output.finish())
}

/// The newline that starts the program, and its input. A program that reads no further ends this, too.
async fn feed(mut input: ChildStdin, body: &Bytes) {
    let fed = async {
        input.write_all(b"\n").await?;
        input.write_all(body).await
    };
    if let Err(error) = fed.await {
        tracing::debug!(%error, "the program did not read all of its input");
    }
}
