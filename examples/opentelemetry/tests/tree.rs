//! What an exporter gets of one request. A test program of its own: the subscriber is the whole process's.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

use std::collections::{BTreeSet, HashSet};

use occamy_example_opentelemetry::{draw, run};
use opentelemetry::trace::{SpanKind, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_a_request_brings_about_is_in_its_trace() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    tracing_subscriber::registry().with(layer).init();

    run().await.unwrap();

    let spans = loop {
        // The span of a call of `handle` may end a moment after the task that it told.
        let spans = exporter.get_finished_spans().unwrap();
        if all(&spans, is_handled).len() == 5 {
            break spans;
        }
        tokio::task::yield_now().await;
    };
    let tree = draw(&spans);
    eprintln!("{tree}");
    let traces: BTreeSet<_> = spans.iter().map(|span| span.span_context.trace_id().to_string()).collect();
    assert_eq!(traces.len(), 1, "there is one trace");

    let order = one(&spans, |span| span.name == "send request");
    let master = one(&spans, |span| group(span) == "master" && span.name == "process request");
    assert!(is_below(master, order));
    assert_eq!(master.span_kind, SpanKind::Consumer);
    for (name, value) in [
        ("status", "protected"),
        ("outcome", "completed"),
        ("messaging.operation.name", "process"),
        ("messaging.operation.type", "process"),
        ("messaging.system", "memory"),
        ("messaging.destination.name", "request"),
        ("messaging.message.body.size", "0"),
    ] {
        assert_eq!(attribute(master, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(attribute(master, "messaging.message.conversation_id"), attribute(master, "request_id"));

    let assistant = one(&spans, |span| span.name == "assist");
    assert_eq!((group(assistant), &assistant.span_kind), ("assistant".to_owned(), &SpanKind::Internal));
    assert_eq!(attribute(assistant, "status").as_deref(), Some("unprotected_internal"));
    assert_eq!(attribute(assistant, "messaging.system"), None);
    assert_eq!(attribute(assistant, "request_id"), attribute(master, "request_id"));

    let parts = all(&spans, |span| group(span) == "part" && span.name != "expand");
    let extras = all(&spans, |span| group(span) == "extra" && span.name != "expand");
    assert_eq!((parts.len(), extras.len()), (2, 2), "{tree}");
    assert!(parts.iter().all(|part| part.name == "process request"));
    assert!(extras.iter().all(|extra| extra.name == "process control"));
    let servers: BTreeSet<_> = extras.iter().map(|extra| attribute(extra, "server").unwrap()).collect();
    assert_eq!(servers, BTreeSet::from(["north".to_owned(), "south".to_owned()]));

    let helpers: Vec<_> = parts.into_iter().chain(extras).chain([assistant]).collect();
    assert!(helpers.iter().all(|helper| is_below(helper, master)), "{tree}");
    let asked = all(&spans, |span| span.name == "expand" && group(span) == "master");
    assert!(!asked.is_empty() && asked.iter().all(|span| is_below(span, master)), "{tree}");

    // Each helper's word is handled below the master, and links to who sent it.
    let handled = all(&spans, is_handled);
    assert!(handled.iter().all(|span| is_below(span, master) && span.span_kind == SpanKind::Consumer));
    let linked: HashSet<_> =
        handled.iter().flat_map(|span| span.links.iter()).map(|link| link.span_context.span_id()).collect();
    assert_eq!(linked, helpers.iter().map(|helper| helper.span_context.span_id()).collect());
}

fn all(spans: &[SpanData], wanted: impl Fn(&SpanData) -> bool) -> Vec<&SpanData> {
    spans.iter().filter(|span| wanted(span)).collect()
}

fn one(spans: &[SpanData], wanted: impl Fn(&SpanData) -> bool) -> &SpanData {
    let found = all(spans, wanted);
    assert_eq!(found.len(), 1, "{}", draw(spans));
    found[0]
}

fn is_handled(span: &SpanData) -> bool {
    span.name == "process control" && group(span) == "master"
}

fn is_below(span: &SpanData, parent: &SpanData) -> bool {
    span.parent_span_id == parent.span_context.span_id()
}

fn group(span: &SpanData) -> String {
    attribute(span, "group").unwrap_or_default()
}

fn attribute(span: &SpanData, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == name);
    found.map(|attribute| attribute.value.as_str().into_owned())
}
