//! The tracing spans of tasks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use occamy_core::{SlotStatus, Verdict};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::common::World;

/// Keeps which spans were made as roots.
#[derive(Clone, Default)]
struct Spans {
    roots: Arc<Mutex<Vec<bool>>>,
    last: Arc<AtomicU64>,
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.name() == "task"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.roots.lock().expect("nobody panics").push(span.is_root());
        Id::from_u64(self.last.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

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
    let roots = spans.roots.lock().unwrap().clone();
    assert!(roots.len() >= 5 && roots.iter().all(|root| *root), "{roots:?}");
}
