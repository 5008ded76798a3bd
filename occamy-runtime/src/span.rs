//! The tracing span of a task.

use tracing::Span;

use crate::desk::Run;

/// Everything a task logs while it runs carries these.
pub(crate) fn task_span(run: &Run) -> Span {
    tracing::info_span!(
        "task",
        id = run.cx.id(),
        group = run.cx.group(),
        status = run.cx.status().as_str(),
        slot = run.cx.slot().0,
        request_id = &*run.request_id,
    )
}
