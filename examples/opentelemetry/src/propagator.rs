//! Ties the spans of tasks to OpenTelemetry's traces.

use std::collections::HashMap;

use occamy_core::TraceContext;
use occamy_core::transport::header::{TRACEPARENT, TRACESTATE};
use occamy_runtime::spans::Propagator;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// For [`ServerBuilder::propagator`](occamy_runtime::ServerBuilder::propagator), beside the layer of
/// `tracing-opentelemetry`.
#[derive(Debug, Default)]
pub struct OpenTelemetry(TraceContextPropagator);

impl OpenTelemetry {
    fn extract(&self, trace: &TraceContext) -> Context {
        let mut headers = HashMap::from([(TRACEPARENT.to_owned(), trace.traceparent().to_owned())]);
        headers.extend(trace.tracestate().map(|state| (TRACESTATE.to_owned(), state.to_owned())));
        // Into an empty context: the thread's own has nothing to do with it.
        self.0.extract_with_context(&Context::new(), &headers)
    }
}

impl Propagator for OpenTelemetry {
    fn set_parent(&self, span: &Span, parent: &TraceContext) {
        // The error is that nobody exports this span.
        let _ = span.set_parent(self.extract(parent));
    }

    fn add_link(&self, span: &Span, other: &TraceContext) {
        span.add_link(self.extract(other).span().span_context().clone());
    }

    fn trace_context(&self, span: &Span) -> Option<TraceContext> {
        let mut headers = HashMap::new();
        self.0.inject_context(&span.context(), &mut headers);
        TraceContext::new(headers.get(TRACEPARENT)?, headers.get(TRACESTATE).map(String::as_str))
    }
}
