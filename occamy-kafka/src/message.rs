//! A request that Kafka has delivered.

mod settlement;

use std::sync::Arc;

use bytes::Bytes;
use occamy_core::transport::{header, settlement_error};
use occamy_core::{BoxFuture, Error, Headers, LeaseWatch, Message, MessageOrigin, Verdict};
use rdkafka::Message as _;
use rdkafka::message::OwnedMessage;

use crate::headers::{decode, decode_leniently};
use crate::link::Link;
use crate::names::SYSTEM;
use crate::partitions::Part;

/// A request that this server has. Dropped unsettled, it is written again.
pub(crate) struct Request {
    link: Arc<Link>,
    part: Part,
    offset: i64,
    key: Option<Bytes>,
    headers: Headers,
    body: Bytes,
    attempt: u32,
    /// Nothing has become of it yet.
    open: bool,
}

impl Request {
    /// Takes in what was delivered. `None` for what is done already, or isn't ours any more. One that can't be understood
    /// becomes a dead letter, and is the error that is returned.
    pub(crate) fn receive(link: &Arc<Link>, message: &OwnedMessage) -> Option<Result<Self, Error>> {
        let offset = message.offset();
        let part = link.assignment.take(message.partition(), offset);
        if part.is_none() {
            link.finished.notify_one();
        }
        let part = part?;
        let (decoded, invalid) = match decode(message.headers()) {
            Ok(decoded) => (decoded, None),
            Err(error) => (decode_leniently(message.headers()), Some(error)),
        };
        let (headers, attempt) = header::take_own(decoded);
        let bytes = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice);
        let request = Self {
            link: Arc::clone(link),
            part,
            offset,
            key: bytes(message.key()),
            headers,
            body: bytes(message.payload()).unwrap_or_default(),
            attempt,
            open: true,
        };
        Some(match invalid {
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
        })
    }

    /// Gives it back though it was never handed out.
    pub(crate) async fn give_back(self) {
        // If that fails it stays where it is, for whoever has the partition next.
        let _ = self.carry_out(Verdict::Interrupted).await;
    }

    /// Nothing, if its partition is somebody else's by now.
    pub(crate) fn unless_lost(self) -> Option<Self> {
        (!self.part.is_lost()).then_some(self)
    }

    /// Leaves it where it is, for whoever has the partition next.
    pub(crate) fn leave(mut self) {
        self.open = false;
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

    fn origin(&self) -> Option<MessageOrigin> {
        let names = &self.link.builder.names;
        Some(MessageOrigin::new(SYSTEM, names.request_topic.as_str()))
    }

    fn watch_lease(&self, lost: LeaseWatch) {
        self.part.watch(self.offset, lost);
    }

    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async move {
            let kind = verdict.kind();
            let link = Arc::clone(&self.link);
            if matches!(verdict, Verdict::Done) {
                // Only marked as finished here: it is the pump that commits.
                let _on_its_way = link.shelf.acknowledging();
                return self.done().await;
            }
            let settling = link.shelf.settling();
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
        if !self.open || self.part.is_lost() || self.link.closed.is_cancelled() {
            return;
        }
        self.open = false;
        let again = Self {
            link: Arc::clone(&self.link),
            part: self.part.clone(),
            offset: self.offset,
            key: self.key.take(),
            headers: std::mem::take(&mut self.headers),
            body: std::mem::take(&mut self.body),
            attempt: self.attempt,
            open: true,
        };
        let settling = self.link.shelf.settling();
        self.link.runtime.spawn(async move {
            let _settling = settling;
            again.give_back().await;
        });
    }
}
