//! Tasks that await, and commands, which are waited for: spawned on tokio. A future that ignores its stop is dropped.

use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use occamy_core::{AsyncTask, Error, ErrorKind, Outcome, TaskContext, TaskKind};
use tracing::Instrument;

use crate::caught::panicked;
use crate::command;
use crate::desk::Run;
use crate::shared::Shared;
use crate::spans::record_outcome;

/// How much of the kill timeout a future or a program gets to end by itself. Dropping and killing take time, too.
pub(crate) const PATIENCE: f64 = 0.8;

/// Spawns a task as a future.
pub(crate) fn spawn(shared: &Arc<Shared>, run: Run) {
    let shared = Arc::clone(shared);
    let runtime = shared.runtime.clone();
    let kill_timeout = shared.settings.scheduler.kill_timeout;
    let future = async move {
        let (key, mut unrested) = (run.key, true);
        let span = shared.run_span(&run.host);
        // Gone when it is done, and its handle of the span with it: the end is not told before the span is closed.
        let outcome = {
            let mut execution = pin!(execute(run, kill_timeout).instrument(span.clone()));
            poll_fn(|cx| {
                let outcome = execution.as_mut().poll(cx);
                if outcome.is_pending() && std::mem::take(&mut unrested) {
                    shared.rests(key);
                }
                outcome
            })
            .await
        };
        record_outcome(&span, &outcome);
        drop(span);
        shared.finished(None, key, outcome);
    };
    runtime.spawn(future);
}

async fn execute(run: Run, kill_timeout: Duration) -> Outcome {
    // Told to stop before it began: two threads may bring start and stop in either order.
    if run.cx.is_stopped() {
        return Outcome::Interrupted;
    }
    let running = async {
        match run.task.kind() {
            TaskKind::Async(task) => {
                run_or_drop(&**task, &run.cx, kill_timeout.mul_f64(PATIENCE)).await.into()
            }
            // Boxed, or every future would have room for it.
            TaskKind::Command(command) => {
                Box::pin(command::run(command, &run.cx, &run.host, kill_timeout)).await
            }
            _ => unreachable!("other kinds of task are started elsewhere"),
        }
    };
    match AssertUnwindSafe(running).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(payload) => Outcome::Panicked(panicked(ErrorKind::UnknownTask, payload)),
    }
}

/// The future is made, polled and dropped in here, so that a panic of any of these is caught.
async fn run_or_drop(task: &dyn AsyncTask, cx: &TaskContext, patience: Duration) -> Result<(), Error> {
    let overdue = async {
        cx.stopped().await;
        tokio::time::sleep(patience).await;
    };
    tokio::select! {
        biased;
        result = task.run(cx) => result,
        () = overdue => Err(Error::interrupted()),
    }
}
