//! Tasks that compute: one thread a slot, started when first needed.
//!
//! The thread that frees a slot runs the next task there itself, so that an eviction takes one wake-up and not two. One
//! whose priority was lowered ends with its task.

use std::io;
use std::sync::Arc;
use std::thread;

use occamy_core::{ErrorKind, Outcome, TaskKind};

use crate::caught::{bury, caught};
use crate::desk::{Lane, Run};
use crate::shared::Shared;
use crate::slot_thread::SlotThread;
use crate::spans::record_outcome;

/// Starts the thread of a slot.
pub(crate) fn spawn(shared: &Arc<Shared>, lane: Lane, first: Run) -> io::Result<()> {
    let shared = Arc::clone(shared);
    let name = format!("{}-{}", shared.settings.name, lane.id.slot.0);
    thread::Builder::new().name(name).spawn(move || serve_slot(shared, &lane, first)).map(drop)
}

/// Runs one task after the other, until the slot has another thread or the server is closed.
fn serve_slot(shared: Arc<Shared>, lane: &Lane, first: Run) {
    // For the clock, and for users who spawn futures from their tasks.
    let runtime = shared.runtime.clone();
    let _context = runtime.enter();
    let thread = SlotThread::enter(Arc::clone(&shared.reaper));
    let mut next = Some(first);
    while let Some(run) = next.take().or_else(|| lane.tasks.recv().ok()) {
        let task = run.key;
        thread.begin(task);
        run.host.lowered_by({
            let thread = Arc::clone(&thread);
            move || thread.give_up(task)
        });
        let outcome = execute(&shared, &run);
        // Before the end is reported: so the table is the last to drop the task, and a panic of that is caught.
        bury(run);
        if thread.end() {
            let reaper = Arc::clone(&shared.reaper);
            return reaper.have(move || drop(shared.finished(None, task, outcome)));
        }
        next = shared.finished(Some(lane.id), task, outcome);
    }
}

fn execute(shared: &Shared, run: &Run) -> Outcome {
    // Told to stop before it began: two threads may bring start and stop in either order.
    if run.cx.is_stopped() {
        return Outcome::Interrupted;
    }
    let TaskKind::Compute(task) = run.task.kind() else {
        unreachable!("other kinds of task are started elsewhere")
    };
    let span = shared.run_span(&run.host);
    let result = span.in_scope(|| caught(ErrorKind::UnknownTask, || task.run(&run.cx)));
    let outcome = match result {
        Ok(result) => result.into(),
        Err(panic) => Outcome::Panicked(panic),
    };
    record_outcome(&span, &outcome);
    outcome
}
