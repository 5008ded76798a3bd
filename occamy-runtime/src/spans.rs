//! The tracing spans of tasks, and how they belong to the traces of a whole system.
//!
//! Each call of a task has a span of [`tracing`] with the name `task`, at the level info: one for its `run`, one for each
//! `expand` and one for each control message that it handles. Where nobody wants the span none is made.
//!
//! # Fields
//!
//! | field | is |
//! | --- | --- |
//! | `server` | the server's name |
//! | `id`, `group` | of the task, from its details |
//! | `status`, `slot` | what it runs as, and where |
//! | `request_id` | the message's `X-Request-ID`; of an assistant, that of the task that created it |
//! | `traceparent` | what `run` follows in a trace, if anything: as the message says, or the task that created an assistant |
//! | `outcome` | how `run` ended: `completed`, `failed`, `interrupted`, `panicked` |
//! | `error.type` | of what failed or panicked: the kind of its error |
//!
//! With a [`Propagator`] there are those of OpenTelemetry's
//! [conventions for messaging](https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/) as well, and those that
//! the crate `tracing-opentelemetry` understands. Without one they would only make the lines of a log longer.
//!
//! | field | `run` of a request or offer | `handle` | `run` of an assistant | `expand` |
//! | --- | --- | --- | --- | --- |
//! | `otel.name` | `process` and the destination | the same | `assist` | `expand` |
//! | `otel.kind` | `consumer` | `consumer` | `internal` | `internal` |
//! | `messaging.operation.name`, `messaging.operation.type` | `process` | `process` | – | – |
//! | `messaging.system` | `nats`, `rabbitmq`, `kafka`, `memory` | the same | – | – |
//! | `messaging.destination.name` | the subject, queue or topic | the subject, exchange or topic | – | – |
//! | `messaging.message.conversation_id` | the `X-Request-ID` | the control message's, if it has one | – | – |
//! | `messaging.message.body.size` | in bytes | in bytes | – | – |
//! | `otel.status_code`, `otel.status_description` | `ERROR` and the message, of what failed or panicked | the same | as of `run` | – |
//!
//! System and destination are there if the transport [tells](occamy_core::Message::origin). There is no
//! `messaging.message.id`: brokers have none in common.
//!
//! # Traces
//!
//! A message may have the headers `traceparent` and `tracestate` of W3C's Trace Context. A task has them in its context, and
//! puts them on what it sends by [`TaskContext::traced`](occamy_core::TaskContext::traced). Without a [`Propagator`] they are
//! passed on as they came: traces of others aren't cut. With one,
//!
//! - the span of `run` is a child of what the message says, and of what an assistant's creator does;
//! - those of `expand` and `handle` are children of that of `run`, and `handle` links to where its message was sent from;
//! - what the task sends has the place of its own `run`.
//!
//! All this by the headers, not by the parents that [`tracing`] knows: there the spans are roots, since a span whose child is
//! open doesn't close, and an assistant may outlive its request.
//!
//! The example `opentelemetry` has a propagator for OpenTelemetry.

use occamy_core::transport::header;
use occamy_core::{Error, ErrorKind, Message, MessageOrigin, Outcome, TraceContext};
use tracing::Span;
use tracing::field::Empty;

use crate::caught::caught;
use crate::desk::Control;
use crate::host::Host;
use crate::shared::Shared;

/// Ties the spans of tasks to the traces of a tracing system: see the [module](self).
///
/// Called on the threads that run tasks, for spans that are enabled, and never under a lock of the server's. The calls don't
/// block. One that panics is logged, and the task runs all the same.
pub trait Propagator: Send + Sync + 'static {
    /// A span was made, and not entered yet: it belongs below this place in a trace. Called before the others, and not for
    /// a span that follows nothing.
    fn set_parent(&self, span: &Span, parent: &TraceContext);

    /// A span has to do with another place in a trace, and isn't below it.
    fn add_link(&self, span: &Span, other: &TraceContext);

    /// The place of a span itself. `None` if it has none: then that of its parent is passed on.
    fn trace_context(&self, span: &Span) -> Option<TraceContext>;
}

impl Shared {
    /// The span of the one `run` that a host is for, to be asked for once. It is made here or for an errand, whichever
    /// comes first.
    pub(crate) fn run_span(&self, host: &Host) -> Span {
        self.begin(host);
        host.take_span()
    }

    /// The span of `expand`.
    pub(crate) fn expand_span(&self, host: &Host) -> Span {
        self.errand_span(host, &Call { name: "expand", message: None })
    }

    /// The span of `handle`.
    pub(crate) fn handle_span(&self, host: &Host, control: &Control) -> Span {
        let message = CallMessage {
            origin: control.origin.as_ref(),
            request_id: control.headers.optional_string(header::REQUEST_ID).ok().flatten(),
            body: control.body.len(),
        };
        let span = self.errand_span(host, &Call { name: "handle", message: Some(message) });
        if let Some(sender) = TraceContext::of(&control.headers) {
            self.propagate(&span, |propagator| propagator.add_link(&span, &sender));
        }
        span
    }

    /// Where a message came from, asked where spans tell of it only.
    pub(crate) fn origin(&self, message: &dyn Message) -> Option<MessageOrigin> {
        self.settings.propagator.as_ref().and_then(|_| message.origin())
    }

    /// Makes the span of `run`, unless that was done.
    fn begin(&self, host: &Host) {
        host.begin(|lineage| {
            let message = lineage.message.as_ref().map(|received| CallMessage {
                origin: received.origin.as_ref(),
                request_id: Some(&lineage.request_id),
                body: received.body,
            });
            let span = self.task_span(host, &Call { name: "assist", message });
            if let Some(parent) = &lineage.trace {
                span.record("traceparent", parent.traceparent());
            }
            if let Some(parent) = &lineage.trace {
                self.propagate(&span, |propagator| propagator.set_parent(&span, parent));
            }
            let own = self.propagate(&span, |propagator| propagator.trace_context(&span));
            (span, own.flatten().or_else(|| lineage.trace.clone()))
        });
    }

    fn errand_span(&self, host: &Host, call: &Call<'_>) -> Span {
        // What the span of `run` is called in a trace is known as soon as there is one.
        self.begin(host);
        let span = self.task_span(host, call);
        if let Some(run) = host.trace() {
            self.propagate(&span, |propagator| propagator.set_parent(&span, &run));
        }
        span
    }

    /// Calls the propagator, if somebody wants the span. What is wrong with traces is no reason not to run a task.
    fn propagate<T>(&self, span: &Span, call: impl FnOnce(&dyn Propagator) -> T) -> Option<T> {
        let propagator = self.settings.propagator.as_deref().filter(|_| !span.is_disabled())?;
        let called = caught(ErrorKind::InternalHandler, || call(propagator));
        called
            .inspect_err(
                |error| tracing::error!(server = %self.settings.name, %error, "the propagator failed"),
            )
            .ok()
    }

    /// Whatever a task logs carries these fields. They are put together only if somebody wants the span.
    fn task_span(&self, host: &Host, call: &Call<'_>) -> Span {
        let (info, lineage) = (host.task_info(), host.lineage());
        let told = self.settings.propagator.is_some();
        let message = call.message.as_ref().filter(|_| told);
        let operation = message.map(|_| "process");
        // Whoever starts a task may be in the span of another, which has nothing to do with it.
        tracing::info_span!(
            parent: None,
            "task",
            server = &*self.settings.name,
            id = &*info.id,
            group = &*info.group,
            status = info.status.as_str(),
            slot = info.slot.0,
            request_id = &*lineage.request_id,
            traceparent = Empty,
            outcome = Empty,
            error.type = Empty,
            otel.name = told.then(|| call.title()),
            otel.kind = told.then(|| if message.is_some() { "consumer" } else { "internal" }),
            otel.status_code = Empty,
            otel.status_description = Empty,
            messaging.operation.name = operation,
            messaging.operation.type = operation,
            messaging.system = message.and_then(|message| message.origin).map(|origin| origin.system),
            messaging.destination.name = message.and_then(CallMessage::destination),
            messaging.message.conversation_id = message.and_then(|message| message.request_id),
            messaging.message.body.size = message.map(|message| message.body),
        )
    }
}

/// How `run` ended, on its span.
pub(crate) fn record_outcome(span: &Span, outcome: &Outcome) {
    span.record("outcome", outcome.kind().as_str());
    if let Some(error) = outcome.error() {
        record_error(span, error);
    }
}

/// What went wrong within a span.
pub(crate) fn record_error(span: &Span, error: &Error) {
    span.record("error.type", error.kind().as_str());
    span.record("otel.status_code", "ERROR");
    span.record("otel.status_description", error.message());
}

/// One call of a task.
struct Call<'a> {
    /// What it is called if it is for no message.
    name: &'static str,
    message: Option<CallMessage<'a>>,
}

/// The message that a task was made of, or that it handles.
struct CallMessage<'a> {
    origin: Option<&'a MessageOrigin>,
    request_id: Option<&'a str>,
    body: usize,
}

impl Call<'_> {
    fn title(&self) -> String {
        match &self.message {
            None => self.name.to_owned(),
            Some(message) => match message.destination() {
                None => "process".to_owned(),
                Some(destination) => format!("process {destination}"),
            },
        }
    }
}

impl CallMessage<'_> {
    fn destination(&self) -> Option<&str> {
        self.origin.map(|origin| &*origin.destination)
    }
}
