//! A request that JetStream has handed out.

mod settlement;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::Subject;
use async_nats::jetstream::{self, AckKind};
use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::{header, settlement_error};
use occamy_core::{BoxFuture, Error, Headers, LeaseWatch, Message, MessageOrigin, Verdict};

use crate::encoding::{decode, decode_leniently};
use crate::link::Link;
use crate::names::SYSTEM;

/// By this JetStream knows a message that it has stored already.
pub(crate) const MESSAGE_ID: &str = "Nats-Msg-Id";

/// How long a request is to wait at JetStream before it is handed out, in milliseconds: that of a retry.
const DELAY: &str = "occamy-delay";
/// No retry waits longer, whatever its header says.
const LONGEST_DELAY: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// How long one answer is waited for, before the question is asked again.
const TRY: Duration = Duration::from_secs(3);

/// A request that this server has. Dropped unsettled, it goes back.
pub(crate) struct Request {
    link: Arc<Link>,
    lease: u64,
    /// Where JetStream hears what becomes of it.
    reply: Subject,
    headers: Headers,
    body: Bytes,
    attempt: u32,
    deliveries: u32,
    /// Where in its stream it is, and when it was published, in nanoseconds: it has both in common with no other message, in
    /// all streams there ever were.
    identity: (u64, i128),
    /// Nothing has become of it yet: dropped, it goes back.
    open: bool,
}

/// What came of a message that JetStream delivered.
pub(crate) enum Received {
    /// A request for the server.
    Request(Request),
    /// It waits at JetStream for its time.
    Delayed,
    /// It can't be understood, and becomes a dead letter.
    Invalid(Error),
}

impl Request {
    /// Takes in what was delivered. `None` for what doesn't come from a stream.
    pub(crate) fn receive(link: &Arc<Link>, message: async_nats::Message) -> Option<Received> {
        let message = jetstream::Message { message, context: link.context() };
        let info = message.info().ok()?;
        let delivered = u32::try_from(info.delivered).unwrap_or(u32::MAX);
        let identity = (info.stream_sequence, info.published.unix_timestamp_nanos());
        let async_nats::Message { headers, payload: body, reply, .. } = message.message;
        let reply = reply?;
        let lease = link.leases.begin(reply.clone(), Instant::now());
        let (decoded, invalid) = match decode(headers.as_ref()) {
            Ok(decoded) => (decoded, None),
            Err(error) => (decode_leniently(headers.as_ref()), Some(error)),
        };
        let delay =
            decoded.optional_integer(DELAY).ok().flatten().and_then(|delay| u64::try_from(delay).ok());
        let (headers, attempt) = header::take_own(decoded);
        // The first delivery of a retry only serves to send it back for its delay.
        let deliveries = delivered.saturating_sub(u32::from(delay.is_some())).max(1);
        let request = Self {
            link: Arc::clone(link),
            lease,
            reply,
            headers,
            body,
            attempt,
            deliveries,
            identity,
            open: true,
        };
        Some(match (invalid, delay) {
            // Both count against the credit, so that no flood of them is taken in faster than it is settled.
            (Some(error), _) => {
                let settling = link.shelf.settling();
                let carried_out = request.carry_out(Verdict::Failed(error.clone()));
                link.runtime.spawn(carried_out.inspect(move |_| drop(settling)));
                Received::Invalid(error)
            }
            (None, Some(delay)) if delivered == 1 => {
                let settling = link.shelf.settling();
                let handed_back = request.hand_back(Duration::from_millis(delay).min(LONGEST_DELAY));
                link.runtime.spawn(handed_back.inspect(move |()| drop(settling)));
                Received::Delayed
            }
            (None, _) => Received::Request(request),
        })
    }

    /// Nobody keeps it any more.
    fn close(&mut self) {
        self.open = false;
        self.link.leases.end(self.lease);
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
        Some(self.deliveries)
    }

    fn origin(&self) -> Option<MessageOrigin> {
        let names = &self.link.builder.names;
        Some(MessageOrigin::new(SYSTEM, names.request_subject.as_str()))
    }

    fn watch_lease(&self, lost: LeaseWatch) {
        self.link.leases.watch(self.lease, lost);
    }

    fn settle(mut self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async move {
            let kind = verdict.kind();
            let link = Arc::clone(&self.link);
            let settling = if matches!(verdict, Verdict::Done) {
                let on_its_way = link.shelf.acknowledging();
                if self.acknowledge().await {
                    return Ok(());
                }
                on_its_way.into_settling()
            } else {
                link.shelf.settling()
            };
            // Over there is a timer, whatever this is polled on.
            let settled = link.intake.run(self.carry_out(verdict)).await;
            drop(settling);
            settled.unwrap_or_else(|| Err(settlement_error(kind, "the connection has ended")))
        })
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if self.open {
            self.close();
            let word = Bytes::from(AckKind::Nak(None));
            let (link, reply) = (Arc::clone(&self.link), self.reply.clone());
            self.link.runtime.spawn(async move {
                if link.connectivity.is_connected() {
                    let _ = link.say(reply, word, TRY).await;
                }
            });
        } else {
            // Nobody may have waited for what was said of it.
            self.link.leases.end(self.lease);
        }
    }
}
