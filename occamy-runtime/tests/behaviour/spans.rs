//! The tracing spans of tasks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use occamy_core::transport::header::{REQUEST_ID, TRACEPARENT};
use occamy_core::{
    Error, ErrorKind, Headers, MessageOrigin, Observation, SlotStatus, TestMessage, TraceContext, Verdict,
};
use occamy_runtime::spans::Propagator;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Span, Subscriber};

use crate::common::{Act, Log, World};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Keeps what spans were told.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<Kept>>>);

#[derive(Clone, Debug, Default)]
struct Kept {
    root: bool,
    /// How many handles there are. At 0 it is closed.
    handles: usize,
    fields: BTreeMap<&'static str, String>,
}

impl Spans {
    fn kept(&self) -> Vec<Kept> {
        self.0.lock().expect("nobody panics").clone()
    }

    /// The spans of tasks with this id.
    fn of(&self, id: &str) -> Vec<BTreeMap<&'static str, String>> {
        let kept = self.kept().into_iter().map(|kept| kept.fields);
        kept.filter(|fields| fields["id"] == id).collect()
    }
}

impl Visit for Kept {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.name() == "task"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut kept = Kept { root: span.is_root(), handles: 1, ..Kept::default() };
        span.record(&mut kept);
        let mut spans = self.0.lock().expect("nobody panics");
        spans.push(kept);
        Id::from_u64(spans.len() as u64)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        let index = id.into_u64() as usize - 1;
        values.record(&mut self.0.lock().expect("nobody panics")[index]);
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.0.lock().expect("nobody panics")[id.into_u64() as usize - 1].handles += 1;
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let handles = &mut self.0.lock().expect("nobody panics")[id.into_u64() as usize - 1].handles;
        *handles -= 1;
        *handles == 0
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// A task is started by whichever thread frees its slot, which may be in the span of the task that has just ended.
#[tokio::test]
async fn the_span_of_a_task_is_within_no_other() {
    let spans = Spans::default();
    let _default = tracing::subscriber::set_default(spans.clone());
    let world = World::new(1);
    // Another test that meets the span for the first time while the subscriber is set may leave it switched off.
    assert_eq!(world.request(world.brief("first")).settled().await, Verdict::Done);
    tracing::callsite::rebuild_interest_cache();
    // Each after the first is started by the end of the one before.
    for _ in 0..5 {
        world.offer(world.brief("offer"));
    }
    let request = world.request(world.brief("request"));
    assert_eq!(request.settled().await, Verdict::Done);
    let is_idle = || world.slots(SlotStatus::Empty) == 1 && world.server.snapshot().queued == 0;
    world.until("all have run", is_idle).await;
    let kept = spans.kept();
    assert!(kept.len() >= 5 && kept.iter().all(|span| span.root), "{kept:?}");
}

#[tokio::test]
async fn a_span_tells_where_its_task_comes_from_and_how_it_ended() {
    let spans = Spans::default();
    let _default = tracing::subscriber::set_default(spans.clone());
    let world = World::new(1);
    // As above.
    assert_eq!(world.request(world.brief("first")).settled().await, Verdict::Done);
    tracing::callsite::rebuild_interest_cache();
    let failing = Act::new("failing").run(|_| async { Err(Error::new(ErrorKind::InvalidBody, "no")) });
    let letter = world.letter(failing).with_header(REQUEST_ID, "r").with_header(TRACEPARENT, PARENT);
    world.send_request(letter).settled().await;

    let [span] = &spans.of("failing")[..] else { panic!("one span") };
    for (field, value) in [
        ("group", "failing"),
        ("status", "protected"),
        ("request_id", "r"),
        ("traceparent", PARENT),
        ("outcome", "failed"),
        ("error.type", "invalid_body"),
    ] {
        assert_eq!(span.get(field).map(String::as_str), Some(value), "{field}");
    }
    // Nobody asked for them.
    assert!(!span.keys().any(|field| field.starts_with("messaging.") || *field == "otel.kind"), "{span:?}");
}

/// Whoever waits for the end of a task finds its span where spans go.
#[tokio::test]
async fn a_span_is_closed_before_the_end_of_its_task_is_told() {
    let spans = Spans::default();
    let _default = tracing::subscriber::set_default(spans.clone());
    let world = World::new(1);
    // As above.
    assert_eq!(world.request(world.brief("first")).settled().await, Verdict::Done);
    tracing::callsite::rebuild_interest_cache();
    let open = Log::new(&world.bell);
    world.on_observation({
        let (spans, open) = (spans.clone(), open.clone());
        move |observation| {
            if let Observation::Finished { .. } = observation {
                open.add(
                    spans
                        .kept()
                        .iter()
                        .filter(|span| span.fields["id"] == "second" && span.handles > 0)
                        .count(),
                );
            }
        }
    });
    world.request(world.brief("second"));
    world.until("its end is told", || !open.get().is_empty()).await;
    assert_eq!((open.get(), spans.of("second").len()), (vec![0], 1));
}

/// Every span has the same place.
struct Here(Arc<Mutex<Vec<String>>>);

const HERE: &str = "00-0af7651916cd43dd8448eb211c80319c-00000000000000aa-01";

impl Propagator for Here {
    fn set_parent(&self, _: &Span, parent: &TraceContext) {
        self.0.lock().expect("nobody panics").push(parent.traceparent().to_owned());
    }

    fn add_link(&self, _: &Span, other: &TraceContext) {
        self.0.lock().expect("nobody panics").push(format!("link {}", other.traceparent()));
    }

    fn trace_context(&self, _: &Span) -> Option<TraceContext> {
        TraceContext::new(HERE, None)
    }
}

#[tokio::test]
async fn with_a_propagator_spans_have_the_fields_of_messaging() {
    let (spans, told) = (Spans::default(), Arc::new(Mutex::new(Vec::new())));
    let _default = tracing::subscriber::set_default(spans.clone());
    let world = World::with(1, |builder| builder.propagator(Here(Arc::clone(&told))));
    // As above.
    assert_eq!(world.request(world.brief("first")).settled().await, Verdict::Done);
    tracing::callsite::rebuild_interest_cache();
    told.lock().unwrap().clear();

    let sent = Arc::new(Mutex::new(None));
    let sends = Act::new("sends").run({
        let sent = Arc::clone(&sent);
        move |cx| {
            *sent.lock().unwrap() = Some(cx.traced(Headers::new()));
            async { Ok(()) }
        }
    });
    let letter = world.letter(sends).with_header(REQUEST_ID, "r").with_header(TRACEPARENT, PARENT);
    let headers = occamy_core::Message::headers(&letter).clone();
    let message = TestMessage::new(headers, "body").with_origin(MessageOrigin::new("pigeons", "loft"));
    let settled = message.settled();
    world.server.handle_request(Box::new(message));
    world.until("it is settled", || settled.verdict().is_some()).await;

    assert_eq!(*sent.lock().unwrap(), Some(Headers::new().with(TRACEPARENT, HERE)));
    assert_eq!(*told.lock().unwrap(), [PARENT]);
    let [span] = &spans.of("sends")[..] else { panic!("one span") };
    for (field, value) in [
        ("otel.name", "process loft"),
        ("otel.kind", "consumer"),
        ("messaging.operation.name", "process"),
        ("messaging.operation.type", "process"),
        ("messaging.system", "pigeons"),
        ("messaging.destination.name", "loft"),
        ("messaging.message.conversation_id", "r"),
        ("messaging.message.body.size", "4"),
        ("outcome", "completed"),
    ] {
        assert_eq!(span.get(field).map(String::as_str), Some(value), "{field}");
    }
}

/// Fails at everything.
struct Broken;

impl Propagator for Broken {
    fn set_parent(&self, _: &Span, _: &TraceContext) {
        panic!("no parent");
    }

    fn add_link(&self, _: &Span, _: &TraceContext) {
        panic!("no link");
    }

    fn trace_context(&self, _: &Span) -> Option<TraceContext> {
        panic!("no place");
    }
}

/// A task that is not started for its trace would never be settled, and its slot be lost.
#[tokio::test]
async fn a_propagator_that_panics_costs_the_span_and_not_the_task() {
    let spans = Spans::default();
    let _default = tracing::subscriber::set_default(spans.clone());
    let world = World::with(1, |builder| builder.propagator(Broken));
    // As above.
    world.request(world.brief("first")).settled().await;
    tracing::callsite::rebuild_interest_cache();
    let sent = Arc::new(Mutex::new(None));
    let sends = Act::new("sends").run({
        let sent = Arc::clone(&sent);
        move |cx| {
            *sent.lock().unwrap() = Some(cx.traced(Headers::new()));
            async { Ok(()) }
        }
    });
    let receipt = world.send_request(world.letter(sends).with_header(TRACEPARENT, PARENT));
    assert_eq!(receipt.settled().await, Verdict::Done);
    assert_eq!(spans.of("sends").len(), 1, "it is called");
    assert_eq!(*sent.lock().unwrap(), Some(Headers::new().with(TRACEPARENT, PARENT)));
}

/// Whatever is traced or not: nobody cuts a trace of others.
#[tokio::test]
async fn without_a_propagator_a_trace_is_passed_on_as_it_came() {
    let world = World::new(2);
    let sent = Arc::new(Mutex::new(Vec::new()));
    let sends = |id: &str, sent: &Arc<Mutex<Vec<Headers>>>| {
        let sent = Arc::clone(sent);
        Act::new(id).compute(move |cx| {
            sent.lock().unwrap().push(cx.traced(Headers::new()));
            Ok(())
        })
    };
    let master = Act::new("master").expand({
        let sent = Arc::clone(&sent);
        move |_| vec![sends("assistant", &sent)]
    });
    let letter = world.letter(master).with_header(TRACEPARENT, PARENT);
    world.send_request(letter);
    world.until("an assistant has run", || !sent.lock().unwrap().is_empty()).await;
    world.server.shutdown(std::time::Duration::ZERO).await;
    assert_eq!(sent.lock().unwrap()[0], Headers::new().with(TRACEPARENT, PARENT));
}

#[tokio::test]
async fn a_trace_that_makes_no_sense_is_no_trace_and_no_error() {
    let world = World::new(1);
    let values: [occamy_core::Value; 4] =
        ["00-nonsense".into(), "ä".repeat(5_000).into(), 7.into(), vec![0u8; 99].into()];
    for value in values {
        let untraced = Act::new("untraced").run(|cx| async move {
            assert_eq!(cx.trace_context(), None);
            Ok(())
        });
        let receipt = world.send_request(world.letter(untraced).with_header(TRACEPARENT, value));
        assert_eq!(receipt.settled().await, Verdict::Done);
    }
}
