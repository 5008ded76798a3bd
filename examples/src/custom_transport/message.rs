//! Messages as they are handed out, and what becomes of an entry with each verdict.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::settlement_error;
use occamy_core::{BoxFuture, BrokerEvent, Error, Headers, LeaseWatch, Message, Verdict};
use occamy_transport::jittered;

use super::entry::Entry;
use super::leases::Held;
use super::scripts::{self, Copy};
use super::shared::Shared;

/// How long a request that is handed back is kept, more or less: time for another server to be ready for it, and what
/// keeps a lone one from spinning.
const PAUSE: Duration = Duration::from_millis(100);

/// A request that Redis has given us. Dropped unsettled, it is free for others when its lease is over.
pub(super) struct Request {
    pub(super) shared: Arc<Shared>,
    pub(super) held: Held,
    pub(super) entry: Entry,
    pub(super) deliveries: u32,
}

impl Message for Request {
    fn headers(&self) -> &Headers {
        &self.entry.headers
    }

    fn body(&self) -> &Bytes {
        &self.entry.body
    }

    fn attempt(&self) -> u32 {
        self.entry.attempt
    }

    /// How often it was handed out since it was last handed back: Redis counts that, and a copy is a new entry.
    fn deliveries(&self) -> Option<u32> {
        Some(self.deliveries)
    }

    fn watch_lease(&self, lost: LeaseWatch) {
        self.held.watch(self.shared.lease, lost);
    }

    /// Redis has confirmed the settlement when the future resolves. While it can't be reached, that waits for as long as a
    /// lease.
    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<(), Error>> {
        let (runtime, kind) = (self.shared.runtime.clone(), verdict.kind());
        let settling = self.shared.shelf.settling();
        async move {
            // Whoever awaits it may give up: it goes on over there.
            let settled = runtime.spawn(async move {
                let _settling = settling;
                self.pause(&verdict).await;
                self.carry_out(&verdict).await
            });
            settled.await.unwrap_or_else(|_| Err(settlement_error(kind, "the transport has ended before")))
        }
        .boxed()
    }
}

impl Request {
    /// Waits until others may have it, with the lease and the credit held. A server that drains takes nothing itself, and
    /// is about to end: it waits for nothing.
    async fn pause(&self, verdict: &Verdict) {
        let pause = match verdict {
            Verdict::Done | Verdict::Failed(_) => return,
            Verdict::Retry { after, .. } => *after,
            _ => jittered(PAUSE, 0.5..=1.5),
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.shared.shelf.drained() => {}
        }
    }

    /// Has Redis settle it.
    pub(super) async fn carry_out(&self, verdict: &Verdict) -> Result<(), Error> {
        let Self { shared, held, entry, .. } = self;
        let names = &shared.names;
        let again = |attempt| Some(Copy { to: &names.requests, headers: entry.again(attempt).into() });
        let copy = match verdict {
            Verdict::Done => None,
            Verdict::Failed(error) => {
                Some(Copy { to: &names.dead, headers: entry.dead(error, &names.requests).into() })
            }
            Verdict::Retry { .. } => again(entry.attempt.saturating_add(1)),
            _ => again(entry.attempt),
        };
        let not_settled = |why: String| settlement_error(verdict.kind(), why);
        let Some(connections) = shared.connections(shared.lease).await else {
            return Err(not_settled("Redis could not be reached: the request is handed out again".into()));
        };
        // Should it be ours again, then for another run.
        let settled = if held.is_taken() {
            false
        } else {
            let settled = scripts::settle(shared, &connections, &held.entry, copy).await;
            shared.link.check(&connections, settled).map_err(|error| {
                not_settled(format!(
                    "Redis did not confirm it, so the request may be handed out again: {error}"
                ))
            })?
        };
        if !settled {
            shared.link.connectivity.observer().event(BrokerEvent::StaleSettlement);
            return Err(not_settled("the request is no longer this server's: its lease was lost".into()));
        }
        Ok(())
    }
}
