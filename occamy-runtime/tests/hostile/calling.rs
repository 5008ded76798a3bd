//! Messages and errors whose methods do more than they should.

use std::fmt;

use bytes::Bytes;
use occamy_core::{BoxFuture, Error, ErrorKind, Headers, Message, Verdict, VerdictKind, handler_fn};
use occamy_runtime::Server;

use crate::common::{Act, Letter, Settling, World};

/// A message that asks its server something whenever it is asked something.
struct Inquisitive(Server, Letter);

impl Message for Inquisitive {
    fn headers(&self) -> &Headers {
        self.0.available();
        self.1.headers()
    }

    fn body(&self) -> &Bytes {
        self.0.available();
        self.1.body()
    }

    fn attempt(&self) -> u32 {
        self.0.available();
        self.1.attempt()
    }

    fn deliveries(&self) -> Option<u32> {
        self.0.available();
        self.1.deliveries()
    }

    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<(), Error>> {
        self.0.available();
        Box::new(self.1).settle(verdict)
    }
}

#[tokio::test]
async fn a_message_that_calls_the_server_deadlocks_nobody() {
    let world = World::new(1);
    for offer in [false, true] {
        let letter = world.letter(world.brief("task"));
        let receipt = letter.receipt();
        let message = Box::new(Inquisitive(world.server.clone(), letter));
        if offer {
            world.server.handle_control(message);
        } else {
            world.server.handle_request(message);
        }
        assert_eq!(receipt.settled().await, Verdict::Done);
    }
}

#[tokio::test]
async fn a_settlement_that_panics_is_recorded_and_loses_no_other() {
    let world = World::new(2);
    for settling in [Settling::Panics, Settling::PanicsEarly] {
        world.send_request(world.letter(world.brief("task")).settling(settling));
    }
    world.until("both are recorded", || world.errors() == [ErrorKind::MessageNotAcked; 2]).await;
    assert_eq!(world.request(world.brief("task")).settled().await, Verdict::Done);
}

/// Prints everything, as a log would, to nobody.
struct Printer;

impl tracing::Subscriber for Printer {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Fields(String);
        impl tracing::field::Visit for Fields {
            fn record_debug(&mut self, _: &tracing::field::Field, value: &dyn fmt::Debug) {
                self.0 += &format!("{value:?}");
            }
        }
        event.record(&mut Fields(String::new()));
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[derive(Debug)]
struct Unprintable;

impl fmt::Display for Unprintable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("a bug in Display")
    }
}

impl std::error::Error for Unprintable {}

#[tokio::test]
async fn an_error_that_cannot_be_printed_silences_no_monitor() {
    let _printed = tracing::subscriber::set_default(Printer);
    let world = World::with(1, |_| panics_over_a_printed_error());
    let first = world.request(world.brief("first"));
    assert_eq!(first.settled().await.kind(), VerdictKind::Failed);

    let world = World::new(1);
    let error = || Error::new(ErrorKind::InvalidBody, "no good").with_source(Unprintable);
    let fails = world.request(Act::new("fails").run(move |_| async move { Err(error()) }));
    assert_eq!(fails.settled().await.kind(), VerdictKind::Failed);
    let next = world.request(world.brief("next"));
    assert_eq!(next.settled().await, Verdict::Done);
    world.until("the monitor hears of everything", || world.starts("next") == 1).await;
    assert_eq!(world.errors(), [ErrorKind::InvalidBody]);
}

fn panics_over_a_printed_error() -> occamy_runtime::ServerBuilder {
    Server::builder(handler_fn(|_, _| {
        Err(Error::new(ErrorKind::InvalidBody, "no good").with_source(Unprintable))
    }))
    .slots(1)
}
