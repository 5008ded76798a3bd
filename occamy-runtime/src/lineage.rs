//! Where a task comes from, for its spans and for what it sends.

use std::sync::Arc;

use occamy_core::{MessageOrigin, TraceContext};

/// Where a task comes from.
#[derive(Clone, Debug)]
pub(crate) struct Lineage {
    /// Correlates what is logged about one request; of an assistant, that of the task that created it.
    pub(crate) request_id: Arc<str>,
    /// The place in a trace that it follows: that of its message, or of the task that created it.
    pub(crate) trace: Option<TraceContext>,
    /// What is known of its message. An assistant has none.
    pub(crate) message: Option<Received>,
}

/// What is known of a message beside headers and body.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) origin: Option<MessageOrigin>,
    /// The size of the body, in bytes.
    pub(crate) body: usize,
}

impl Lineage {
    /// That of an assistant which a task with this lineage creates from this place in a trace.
    pub(crate) fn assistant(&self, trace: Option<TraceContext>) -> Arc<Self> {
        Arc::new(Self { request_id: Arc::clone(&self.request_id), trace, message: None })
    }
}
