//! A request that JetStream has handed out, and the words with which it is settled.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::AckKind;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::{HeaderMap, Subject, jetstream};
use bytes::Bytes;
use occamy_core::transport::{header, settlement_error};
use occamy_core::{BoxFuture, BrokerEvent, Error, Headers, LeaseWatch, Message, Verdict};
use tokio::time::sleep;

use crate::encoding::{self, decode, decode_leniently, encode};
use crate::link::Link;

/// How long a request is to wait at JetStream before it is handed out, in milliseconds: that of a retry.
const DELAY: &str = "occamy-delay";

/// How long one answer is waited for, before the question is asked again.
const TRY: Duration = Duration::from_secs(3);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);

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
    /// Of this message and no other, in all streams there ever were.
    identity: String,
    /// Nothing has become of it yet.
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
        let identity = format!("{}.{}", info.stream_sequence, info.published.unix_timestamp_nanos());
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
            (Some(error), _) => {
                link.runtime.spawn(request.carry_out(Verdict::Failed(error.clone())));
                Received::Invalid(error)
            }
            (None, Some(delay)) if delivered == 1 => {
                link.runtime.spawn(async move { request.hand_back(Duration::from_millis(delay)).await });
                Received::Delayed
            }
            (None, _) => Received::Request(request),
        })
    }

    async fn carry_out(mut self, verdict: Verdict) -> Result<(), Error> {
        let kind = verdict.kind();
        let pause = self.link.builder.pause;
        let settled = match verdict {
            Verdict::Done => self.confirm(AckKind::Ack).await,
            Verdict::Failed(error) => self.bury(&error).await,
            Verdict::Retry { after, error, .. } => self.retry(after, &error).await,
            Verdict::Busy => self.give_back(jittered(pause, 0.5..=1.5)).await,
            // And whatever else there may be one day.
            _ => self.give_back(jittered(pause, 1.0..=1.5)).await,
        };
        self.close();
        settled.map_err(|unsettled| {
            if matches!(unsettled, Unsettled::Stale) {
                self.link.observer.event(BrokerEvent::StaleSettlement);
            }
            settlement_error(kind, unsettled.to_string())
        })
    }

    /// Says a word that may be said twice, until JetStream has answered or the lease is over.
    async fn confirm(&self, word: AckKind) -> Result<(), Unsettled> {
        let word = Bytes::from(word);
        loop {
            let left = self.left()?;
            if self.link.connected_within(left).await {
                match self.link.say(self.reply.clone(), word.clone(), left.min(TRY)).await {
                    Ok(()) => return Ok(()),
                    Err(error) => tracing::debug!(%error, "a settlement was not answered; it is tried again"),
                }
                sleep(PAUSE).await;
            }
        }
    }

    /// Hands it back. Not twice: by then it may be with somebody else, from whom it would be taken.
    async fn give_back(&self, delay: Duration) -> Result<(), Unsettled> {
        let left = self.left()?;
        if !self.link.is_connected() {
            return Err(Unsettled::Unanswered("there is no connection".into()));
        }
        let word = Bytes::from(AckKind::Nak(Some(delay)));
        let said = self.link.say(self.reply.clone(), word, left.min(TRY)).await;
        said.map_err(|error| Unsettled::Unanswered(error.to_string()))
    }

    /// As [`give_back`](Self::give_back), where nobody waits to hear of it.
    async fn hand_back(mut self, delay: Duration) {
        let _ = self.give_back(delay).await;
        self.close();
    }

    /// Puts it where dead letters go, and ends it when that is stored.
    async fn bury(&self, error: &Error) -> Result<(), Unsettled> {
        let names = &self.link.builder.names;
        let buried = header::bury(self.headers.clone(), error, &names.request_subject, self.attempt);
        let subject = &names.dead_subject;
        // A publisher of ours leaves room for our headers, others may not: then rather without a reason than not at all.
        let mut stored = self.store(subject, &buried, "dead").await;
        if matches!(stored, Err(Unsettled::TooLarge)) {
            tracing::warn!(%error, subject, "a dead letter has no room for its reason");
            stored = self.store(subject, &self.headers, "dead").await;
        }
        stored?;
        self.confirm(AckKind::Term).await
    }

    /// Sends it anew with the attempt raised, and ends this one when that is stored.
    async fn retry(&self, after: Duration, error: &Error) -> Result<(), Unsettled> {
        let delay = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
        let mut headers =
            self.headers.clone().with(header::ATTEMPT, i64::from(self.attempt.saturating_add(1)));
        if delay > 0 {
            headers.insert(DELAY, delay);
        }
        let subject = &self.link.builder.names.request_subject;
        match self.store(subject, &headers, "retry").await {
            // An attempt that can't be counted would be made for ever.
            Err(Unsettled::TooLarge) => self.bury(error).await,
            stored => {
                stored?;
                self.confirm(AckKind::Ack).await
            }
        }
    }

    /// Has JetStream store a message that follows from this one: once, however often it is sent, because it has the same
    /// id each time and JetStream leaves out what it has heard in the last two minutes.
    async fn store(&self, subject: &str, headers: &Headers, what: &str) -> Result<(), Unsettled> {
        let mut map: HeaderMap = encode(headers).map_err(|error| Unsettled::Refused(error.to_string()))?;
        map.insert("Nats-Msg-Id", format!("{}-{what}-{}", self.identity, self.attempt).as_str());
        loop {
            let left = self.left()?;
            if !self.link.connected_within(left).await {
                continue;
            }
            if encoding::size(&map, self.body.len()) > self.link.client().max_payload() {
                return Err(Unsettled::TooLarge);
            }
            let context = self.link.context();
            let sent = async {
                context.publish_with_headers(subject.to_owned(), map.clone(), self.body.clone()).await?.await
            };
            match sent.await {
                Ok(_) => return Ok(()),
                Err(error) => match error.kind() {
                    PublishErrorKind::MaxPayloadExceeded => return Err(Unsettled::TooLarge),
                    _ if is_refusal(&error) => return Err(Unsettled::Refused(error.to_string())),
                    _ => {
                        tracing::debug!(%error, subject, "what was published was not answered; it is sent again");
                    }
                },
            }
            sleep(PAUSE).await;
        }
    }

    fn left(&self) -> Result<Duration, Unsettled> {
        self.link.leases.left(self.lease, Instant::now()).ok_or(Unsettled::Stale)
    }

    /// Nobody keeps it any more.
    fn close(&mut self) {
        self.open = false;
        self.link.leases.end(self.lease);
    }
}

/// True if JetStream has answered, and would answer the same again.
fn is_refusal(error: &PublishError) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<jetstream::Error>())
}

/// Why a settlement has failed. In any case the request is delivered again.
#[derive(Debug, thiserror::Error)]
enum Unsettled {
    #[error("the lease is over: the request is handed out to another server")]
    Stale,
    #[error("JetStream did not answer: {0}; the request is handed out again after the lease")]
    Unanswered(String),
    #[error(
        "JetStream did not take what follows from the request: {0}; it is handed out again after the lease"
    )]
    Refused(String),
    #[error("the request is as large as the server takes, so that nothing could be added to its headers")]
    TooLarge,
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

    fn watch_lease(&self, lost: LeaseWatch) {
        self.link.leases.watch(self.lease, lost);
    }

    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async move {
            let kind = verdict.kind();
            let runtime = self.link.runtime.clone();
            let settling = Settling::begin(&self.link);
            // Over there is a timer, whatever this is polled on.
            let settled = runtime.spawn(self.carry_out(verdict)).await;
            drop(settling);
            settled.unwrap_or_else(|_| Err(settlement_error(kind, "the connection has ended")))
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
                if link.is_connected() {
                    let _ = link.say(reply, word, TRY).await;
                }
            });
        }
    }
}

/// As long as it lives, a settlement counts against the credit.
struct Settling(Arc<Link>);

impl Settling {
    fn begin(link: &Arc<Link>) -> Self {
        link.shelf().settling += 1;
        Self(Arc::clone(link))
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        self.0.shelf().settling -= 1;
        self.0.changed.notify_one();
        self.0.requests.notify_one();
    }
}

fn jittered(pause: Duration, parts: RangeInclusive<f64>) -> Duration {
    let (least, most) = (*parts.start(), *parts.end());
    pause.mul_f64(least + fastrand::f64() * (most - least))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jittered_pause_stays_within_its_parts() {
        let pause = Duration::from_millis(100);
        let pauses: Vec<u128> = (0..200).map(|_| jittered(pause, 0.5..=1.5).as_millis()).collect();
        assert!(pauses.iter().all(|pause| (50..=150).contains(pause)), "{pauses:?}");
        assert!(pauses.iter().any(|pause| *pause < 90) && pauses.iter().any(|pause| *pause > 110));
    }
}
