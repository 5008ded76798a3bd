//! Requests: fetched ahead while the server has room for them, and given back if it has none after all.

use std::sync::Arc;
use std::time::Duration;

use occamy_core::{Error, Verdict};
use occamy_transport::jittered;
use tokio::time::sleep;

use super::entry::Entry;
use super::link::{Connections, create_group, is_of_connection};
use super::message::Request;
use super::scripts::{self, Copy};
use super::shared::Shared;
use super::taking::{Sweeps, Taken, read, take_over};

/// What follows an error of Redis's that is not the connection's.
pub(super) const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(1);

/// Fetches as long as the server wants some, until the transport drains.
///
/// This is not done by the stream, whose future is dropped at any time: what Redis has given us by then would be lost until
/// its lease is over.
pub(super) async fn fetch(shared: Arc<Shared>) {
    let (shelf, mut sweeps) = (&shared.shelf, Sweeps::default());
    loop {
        let draining = shelf.is_draining();
        // While it drains that is everything.
        for surplus in shelf.take_surplus() {
            give_back(surplus).await;
        }
        if draining {
            break;
        }
        let missing = shelf.missing();
        let connections = tokio::select! {
            connections = shared.link.connections(), if missing > 0 => connections,
            () = shelf.changed() => continue,
        };
        // Not to be dropped halfway, for the same reason.
        let fetched = if sweeps.is_due(connections.epoch, shared.lease) {
            let taken = take_over(&shared, &connections, missing).await;
            sweeps.found(taken.as_ref().is_ok_and(|taken| !taken.is_empty()));
            taken
        } else {
            read(&shared, &connections, missing).await
        };
        match shared.link.check(&connections, fetched) {
            Ok(fetched) => {
                for fetched in fetched {
                    receive(&shared, &connections, fetched).await;
                }
            }
            Err(error) if is_of_connection(&error) => {}
            Err(error) => {
                shelf.fail(Error::other(error));
                sleep(jittered(PAUSE_AFTER_ERROR, 0.5..=1.5)).await;
                // Where somebody has deleted the stream there is no group, either.
                let _ = create_group(&shared.names, &connections).await;
            }
        }
    }
    drop(shelf.finish_draining());
}

/// Puts a request where the server finds it. One that can't be understood becomes a dead letter.
async fn receive(shared: &Arc<Shared>, connections: &Connections, taken: Taken) {
    let Taken { id, fields, deliveries } = taken;
    let held = shared.leases.hold(id);
    match Entry::read(fields) {
        Ok(entry) => {
            let request = Request { shared: Arc::clone(shared), held, entry, deliveries };
            // None comes too late but at the very end, and then it is free when its lease is over.
            drop(shared.shelf.put(request));
        }
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
async fn give_back(request: Request) {
    if request.shared.link.connectivity.is_connected() {
        let _ = request.carry_out(&Verdict::Interrupted).await;
    }
}
