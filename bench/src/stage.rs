//! Servers as benchmarks need them, and what is done with one before anything is measured.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use occamy_core::Handler;
use occamy_runtime::{Server, ServerBuilder};

use crate::countdown::Countdown;
use crate::kind::Kind;
use crate::letter::Letter;
use crate::roles::Roles;
use crate::script::{Meeting, Script, Then};

/// The body of the messages with which [`warm_up`] fills a server.
const MEET: &str = "meet";

/// A server on which nothing happens by itself, and nobody listens.
pub(crate) fn server(slots: usize, handler: impl Handler) -> ServerBuilder {
    Server::builder(handler).name("bench").slots(slots).without_expansion_period()
}

/// The roles of a benchmark, with the one that [`warm_up`] needs.
pub(crate) fn roles(kind: Kind, slots: usize) -> Roles {
    let meeting = Arc::new(Meeting::of(slots));
    Roles::new(kind)
        .role(MEET, move || Script { then: Then::Meet(Arc::clone(&meeting)), ..Script::default() })
}

/// Has a task run in every slot once, all at the same time, so that every thread that the server needs is there.
pub(crate) async fn warm_up(server: &Server, slots: usize) -> anyhow::Result<()> {
    let settled = Arc::new(Countdown::default());
    settled.expect(slots);
    for _ in 0..slots {
        let settled = Arc::clone(&settled);
        server.handle_request(Box::new(Letter::new(MEET, move |_| settled.count())));
    }
    settled.done().await;
    ensure!(server.available() == slots, "{} of {slots} slots are free after the start", server.available());
    Ok(())
}

/// Makes requests that stay: of a role that parks, whose first statement counts here.
pub(crate) async fn park(server: &Server, role: &'static str, tasks: usize, started: &Countdown) {
    if tasks > 0 {
        started.expect(tasks);
        for _ in 0..tasks {
            server.handle_request(Box::new(Letter::new(role, |_| ())));
        }
        started.done().await;
    }
}

/// Ends the server and what runs on it.
pub(crate) async fn close(server: Server) -> anyhow::Result<()> {
    let report = server.shutdown(Duration::ZERO).await;
    ensure!(report.is_clean(), "the server did not end: {report:?}");
    Ok(())
}
