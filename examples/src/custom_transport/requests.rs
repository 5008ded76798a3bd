//! Requests: fetched ahead while the server has room for them, and given back if it has none after all.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use occamy_core::transport::RequestStream;
use occamy_core::{BoxFuture, Error, Message, Verdict};
use occamy_transport::jittered;
use tokio::time::sleep;

use super::entry::Entry;
use super::link::{Connections, create_group, is_of_connection};
use super::message::{Delivery, Request};
use super::scripts::{self, Copy};
use super::shared::{Phase, Shared};
use super::taking::{Sweeps, Taken, read, take_over};

/// What follows an error of Redis's that is not the connection's.
pub(super) const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(1);

/// The stream.
pub(super) struct Requests(pub(super) Arc<Shared>);

impl RequestStream for Requests {
    fn next(&mut self, credit: usize) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>> {
        let shared = &self.0;
        async move {
            let mut asking = shared.shelf.ask(credit);
            loop {
                if let Some(taken) = asking.take() {
                    let request = |delivery| Request { shared: Arc::clone(shared), delivery };
                    return taken.map(|delivery| Some(Box::new(request(delivery)) as Box<dyn Message>));
                }
                tokio::select! {
                    () = asking.filled() => {}
                    () = shared.reached(Phase::Drained) => return Ok(None),
                }
            }
        }
        .boxed()
    }
}

/// Fetches as long as the server wants some, until the transport drains.
///
/// This is not done by `next`, which is dropped at any time: what Redis has given us by then would be lost until its lease
/// is over.
pub(super) async fn fetch(shared: Arc<Shared>) {
    let mut sweeps = Sweeps::default();
    while !shared.is_in(Phase::Draining) {
        if let Some(surplus) = shared.shelf.surplus() {
            give_back(&shared, surplus).await;
            continue;
        }
        let wanted = shared.shelf.wanted();
        let connections = tokio::select! {
            connections = shared.link.connections(), if wanted > 0 => connections,
            () = shared.shelf.changed() => continue,
            () = shared.reached(Phase::Draining) => break,
        };
        // Not to be dropped halfway, for the same reason.
        let fetched = if sweeps.is_due(connections.epoch, shared.lease) {
            let taken = take_over(&shared, &connections, wanted).await;
            sweeps.found(taken.as_ref().is_ok_and(|taken| !taken.is_empty()));
            taken
        } else {
            read(&shared, &connections, wanted).await
        };
        match shared.link.check(&connections, fetched) {
            Ok(fetched) => {
                for fetched in fetched {
                    receive(&shared, &connections, fetched).await;
                }
            }
            Err(error) if is_of_connection(&error) => {}
            Err(error) => {
                shared.shelf.fail(Error::other(error));
                sleep(jittered(PAUSE_AFTER_ERROR, 0.5..=1.5)).await;
                // Where somebody has deleted the stream there is no group, either.
                let _ = create_group(&shared.names, &connections).await;
            }
        }
    }
    for left in shared.shelf.clear() {
        give_back(&shared, left).await;
    }
    shared.enter(Phase::Drained);
}

/// Puts a request where the server finds it. One that can't be understood becomes a dead letter.
async fn receive(shared: &Shared, connections: &Connections, taken: Taken) {
    let Taken { id, fields, deliveries } = taken;
    let held = shared.leases.hold(id);
    match Entry::read(fields) {
        Ok(entry) => shared.shelf.put(Delivery { held, entry, deliveries }),
        Err(malformed) => {
            let names = &shared.names;
            let dead = Copy { to: &names.dead, headers: malformed.dead(&names.requests) };
            let settled = scripts::settle(shared, connections, &held.entry, Some(dead)).await;
            // If that fails it comes again after its lease.
            let _ = shared.link.check(connections, settled);
            shared.shelf.fail(malformed.error);
        }
    }
}

/// Hands one back that was never handed out. If that fails it is free when its lease is over.
async fn give_back(shared: &Arc<Shared>, delivery: Delivery) {
    if shared.link.now().is_some() {
        let request = Request { shared: Arc::clone(shared), delivery };
        let _ = request.carry_out(&Verdict::Interrupted).await;
    }
}
