//! A request that RabbitMQ has delivered.

mod settlement;

use std::sync::Arc;

use bytes::Bytes;
use lapin::Acker;
use lapin::message::Delivery;
use lapin::options::BasicNackOptions;
use lapin::types::FieldTable;
use occamy_core::transport::{header, settlement_error};
use occamy_core::{BoxFuture, Error, Headers, LeaseWatch, Message, MessageOrigin, Verdict};

use crate::epoch::Epoch;
use crate::link::Link;
use crate::names::SYSTEM;
use crate::values::decode;

/// How often a quorum queue has handed a message out before, from 3.8 on, and from 4.3 on with those that were handed back.
pub(crate) const COUNTS: [&str; 2] = ["x-delivery-count", "x-acquired-count"];

/// A request that this server has. Dropped unsettled, it goes back.
pub(crate) struct Request {
    link: Arc<Link>,
    epoch: Epoch,
    key: u64,
    acker: Acker,
    headers: Headers,
    body: Bytes,
    attempt: u32,
    deliveries: Option<u32>,
    /// Nothing has become of it yet.
    open: bool,
}

impl Request {
    /// Takes in what was delivered. One that can't be understood becomes a dead letter, and the error is returned.
    pub(crate) fn receive(link: &Arc<Link>, epoch: &Epoch, delivery: Delivery) -> Result<Self, Error> {
        let Delivery { properties, data, acker, .. } = delivery;
        let (decoded, invalid) = headers(properties.headers());
        let before = COUNTS.iter().filter_map(|name| decoded.optional_integer(name).ok().flatten()).max();
        let before = before.map_or(0, |count| u32::try_from(count).unwrap_or(0));
        let counted = !link.builder.classic;
        let (mut headers, attempt) = header::take_own(decoded);
        for name in COUNTS {
            headers.remove(name);
        }
        let request = Self {
            link: Arc::clone(link),
            epoch: epoch.clone(),
            key: epoch.begin(),
            acker,
            headers,
            body: data.into(),
            attempt,
            deliveries: counted.then(|| before.saturating_add(1)),
            open: true,
        };
        match invalid {
            None => Ok(request),
            Some(error) => {
                let (settling, verdict) = (link.shelf.settling(), Verdict::Failed(error.clone()));
                link.runtime.spawn(async move {
                    // So that no flood of them is taken in faster than it is settled.
                    let _settling = settling;
                    request.carry_out(verdict).await
                });
                Err(error)
            }
        }
    }

    /// Nobody keeps it any more.
    fn close(&mut self) {
        self.open = false;
        self.epoch.end(self.key);
    }
}

/// Headers as they were sent; where not all of them can be understood, those that can, and the error.
pub(crate) fn headers(table: &Option<FieldTable>) -> (Headers, Option<Error>) {
    let Some(table) = table else { return (Headers::new(), None) };
    match decode(table) {
        Ok(headers) => (headers, None),
        Err(error) => {
            let mut understood = Headers::new();
            for (name, value) in table.inner() {
                let mut one = FieldTable::default();
                one.insert(name.clone(), value.clone());
                understood.extend(decode(&one).iter().flatten().map(|(name, value)| (name, value.clone())));
            }
            (understood, Some(error))
        }
    }
}

impl Message for Request {
    fn headers(&self) -> &Headers {
        &self.headers
    }

    fn body(&self) -> &Bytes {
        &self.body
    }

    fn attempt(&self) -> u32 {
        self.attempt
    }

    fn deliveries(&self) -> Option<u32> {
        self.deliveries
    }

    fn origin(&self) -> Option<MessageOrigin> {
        let names = &self.link.builder.names;
        Some(MessageOrigin::new(SYSTEM, names.request_queue.as_str()))
    }

    fn watch_lease(&self, lost: LeaseWatch) {
        self.epoch.watch(self.key, lost);
    }

    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async move {
            let kind = verdict.kind();
            let link = Arc::clone(&self.link);
            let settling = link.shelf.settling();
            if matches!(verdict, Verdict::Done) {
                // It is handed to the client at once, whatever this is polled on, and needs no timer.
                let done = self.done().await;
                drop(settling);
                return done;
            }
            // Over there is a timer, whatever this is polled on. It goes on there, whoever awaits it.
            // The guard lives until it is known here how that ended.
            let settled = link.intake.run(async move { (self.carry_out(verdict).await, settling) });
            match settled.await {
                Some((settled, _settling)) => settled,
                None => Err(settlement_error(kind, "the connection has ended")),
            }
        })
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if self.open {
            self.close();
            if self.epoch.is_lost() {
                return;
            }
            let acker = self.acker.clone();
            self.link.runtime.spawn(async move {
                let requeue = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
                // If it isn't heard, the connection is gone, and with it the delivery.
                let _ = acker.nack(requeue).await;
            });
        }
    }
}
