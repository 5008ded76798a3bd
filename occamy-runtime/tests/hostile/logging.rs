//! A log that panics.

use std::sync::atomic::{AtomicBool, Ordering};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::common::{Act, Count, World};

/// Panics once, when a thread of the pool of this server enters a span.
struct PanicsOnce {
    server: &'static str,
    panicked: AtomicBool,
}

impl Subscriber for PanicsOnce {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.name() == "task"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {
        let here = std::thread::current();
        let of_the_pool = here.name().and_then(|name| name.strip_prefix(self.server)) == Some("-errand");
        assert!(!of_the_pool || self.panicked.swap(true, Ordering::SeqCst), "the log has a bug");
    }

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn a_log_that_panics_costs_a_call_and_not_those_after_it() {
    let server = "logs";
    let log = PanicsOnce { server, panicked: AtomicBool::new(false) };
    tracing::subscriber::set_global_default(log).expect("there is no other");
    let world = World::with(2, |builder| builder.name(server).expansion_slot_buffer(1));
    let heard = Count::new(&world.bell);
    world.request(Act::new("listens").handle({
        let heard = heard.clone();
        move |_, _, _| {
            heard.up();
            Ok(())
        }
    }));
    world.control("listens", "first");
    world.control("listens", "second");
    world.until("one of them is heard", || heard.get() == 1).await;
}
