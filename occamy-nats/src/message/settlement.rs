//! The words with which a request is settled.

use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::{self, AckKind};
use bytes::Bytes;
use occamy_core::transport::{header, settlement_error};
use occamy_core::{BrokerEvent, Error, Headers, Verdict};
use occamy_transport::jittered;
use tokio::time::sleep;

use super::{DELAY, MESSAGE_ID, Request, TRY};
use crate::encoding::{self, MAX_HEADERS, encode};

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);

impl Request {
    pub(super) async fn carry_out(mut self, verdict: Verdict) -> Result<(), Error> {
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
                self.link.connectivity.observer().event(BrokerEvent::StaleSettlement);
            }
            settlement_error(kind, unsettled.to_string())
        })
    }

    /// Says that it is done, wherever this is polled. Tells whether JetStream has answered: if not, it is to be said again.
    pub(super) async fn acknowledge(&mut self) -> bool {
        if !self.link.connectivity.is_connected() || self.left().is_err() {
            return false;
        }
        // Whoever drops this has it acknowledged all the same, once the client has taken the word. It has no place for it only
        // where its queue is full: then the request comes again when its lease is over.
        self.open = false;
        let answered = self.link.say_anywhere(self.reply.clone(), AckKind::Ack.into()).await;
        if answered {
            self.close();
        }
        answered
    }

    /// Says a word that may be said twice, until JetStream has answered or the lease is over.
    async fn confirm(&self, word: AckKind) -> Result<(), Unsettled> {
        let word = Bytes::from(word);
        loop {
            let left = self.left()?;
            if self.link.connectivity.connected_within(left).await {
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
        self.link.leases.let_go(self.lease);
        if !self.link.connectivity.is_connected() {
            return Err(Unsettled::Unanswered("there is no connection".into()));
        }
        let word = Bytes::from(AckKind::Nak(Some(delay)));
        let said = self.link.say(self.reply.clone(), word, left.min(TRY)).await;
        said.map_err(|error| Unsettled::Unanswered(error.to_string()))
    }

    /// As [`give_back`](Self::give_back), where nobody waits to hear of it.
    pub(super) async fn hand_back(mut self, delay: Duration) {
        let _ = self.give_back(delay).await;
        self.close();
    }

    /// Puts it where dead letters go, and ends it when that is stored.
    async fn bury(&self, error: &Error) -> Result<(), Unsettled> {
        let names = &self.link.builder.names;
        let buried = header::bury(self.headers.clone(), error, &names.request_subject, self.attempt);
        let subject = &names.dead_subject;
        // A publisher of ours leaves room for our headers, others may not. Then rather without a reason than not at all, and
        // rather perhaps twice.
        let id = self.id("dead");
        // Headers of others may even be longer as we write them.
        let (bare, nothing) =
            (header::bury(Headers::new(), error, &names.request_subject, self.attempt), Headers::new());
        let ways = [
            (&buried, Some(&*id)),
            (&self.headers, Some(&*id)),
            (&self.headers, None),
            (&bare, Some(&*id)),
            (&nothing, None),
        ];
        for (way, (headers, id)) in ways.into_iter().enumerate() {
            match self.store(subject, headers, id).await {
                Err(Unsettled::TooLarge) => {}
                stored => {
                    stored?;
                    if way > 0 {
                        tracing::warn!(%error, subject, "a dead letter has no room for all its headers");
                    }
                    return self.confirm(AckKind::Term).await;
                }
            }
        }
        Err(Unsettled::TooLarge)
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
        match self.store(subject, &headers, Some(&self.id("retry"))).await {
            // An attempt that can't be counted would be made for ever.
            Err(Unsettled::TooLarge) => self.bury(error).await,
            stored => {
                stored?;
                self.confirm(AckKind::Ack).await
            }
        }
    }

    /// The id of a message that follows from this one: the same however often it is sent.
    fn id(&self, what: &str) -> String {
        let (sequence, published) = self.identity;
        format!("{sequence}.{published}-{what}-{}", self.attempt)
    }

    /// Has JetStream store a message that follows from this one. With an id it is stored once, however often it is sent:
    /// JetStream leaves out what it has heard of in the last two minutes.
    async fn store(&self, subject: &str, headers: &Headers, id: Option<&str>) -> Result<(), Unsettled> {
        let mut map: HeaderMap = encode(headers).map_err(|error| Unsettled::Refused(error.to_string()))?;
        if let Some(id) = id {
            map.insert(MESSAGE_ID, id);
        }
        // The lease may be renewed for ever.
        let deadline = Instant::now() + self.link.builder.lease;
        let mut last = None;
        loop {
            let left = self.left()?;
            if let Some(error) = last.take_if(|_| Instant::now() >= deadline) {
                return Err(Unsettled::Unanswered(error));
            }
            if !self.link.connectivity.connected_within(left).await {
                continue;
            }
            if encoding::size(&map, 0) > MAX_HEADERS
                || encoding::size(&map, self.body.len()) > self.link.client().max_payload()
            {
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
                        last = Some(format!("publishing to {subject} failed: {error}"));
                    }
                },
            }
            sleep(PAUSE).await;
        }
    }

    fn left(&self) -> Result<Duration, Unsettled> {
        self.link.leases.left(self.lease, Instant::now()).ok_or(Unsettled::Stale)
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
