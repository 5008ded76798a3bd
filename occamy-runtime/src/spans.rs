//! The tracing span of a task.

use occamy_core::TaskContext;
use tracing::Span;

/// Everything a task logs carries these, from `run` as from `expand` and `handle`.
pub(crate) fn task_span(cx: &TaskContext, request_id: &str, server: &str) -> Span {
    // Whoever starts a task may be in the span of another, which has nothing to do with it.
    tracing::info_span!(
        parent: None,
        "task",
        server,
        id = cx.id(),
        group = cx.group(),
        status = cx.status().as_str(),
        slot = cx.slot().0,
        request_id,
    )
}
