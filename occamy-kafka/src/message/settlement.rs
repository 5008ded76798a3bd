//! How a request is settled: what is to be written first, and then its offset.

use std::time::Duration;

use occamy_core::transport::{PublishError, header, settlement_error};
use occamy_core::{BrokerEvent, Error, Headers, Verdict, VerdictKind};
use occamy_transport::{Line, backoff, jittered};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::time::sleep;

use super::Request;
use crate::sending::Letter;

impl Request {
    pub(super) async fn carry_out(mut self, verdict: Verdict) -> Result<(), Error> {
        let (kind, pause) = (verdict.kind(), self.link.builder.pause);
        // From here on it is settled, or left where it is.
        self.open = false;
        let settled = match verdict {
            Verdict::Done => self.finish().await,
            Verdict::Failed(error) => self.bury(&error).await,
            Verdict::Retry { after, .. } => self.again(after, self.attempt.saturating_add(1)).await,
            // And whatever else there may be one day.
            _ => self.again(jittered(pause, 0.5..=1.5), self.attempt).await,
        };
        self.told(kind, settled)
    }

    /// Its task is done. Needs no timer. Dropped after its first poll it is finished all the same.
    pub(super) async fn done(mut self: Box<Self>) -> Result<(), Error> {
        self.open = false;
        let kind = VerdictKind::Done;
        tokio::select! {
            biased;
            settled = self.finish() => self.told(kind, settled),
            // Nobody commits any more.
            () = self.link.closed.cancelled() => Err(settlement_error(kind, "the connection has ended")),
        }
    }

    /// What the server is told.
    fn told(&self, kind: VerdictKind, settled: Result<(), Unsettled>) -> Result<(), Error> {
        settled.map_err(|unsettled| {
            if matches!(unsettled, Unsettled::Stale) {
                self.link.connectivity.observer().event(BrokerEvent::StaleSettlement);
            }
            settlement_error(kind, unsettled.to_string())
        })
    }

    /// Marks the record as finished, and waits until that is committed.
    async fn finish(&self) -> Result<(), Unsettled> {
        let committed = self.part.finish(self.offset);
        self.link.finished.notify_one();
        // Nobody answers when the partition is lost.
        committed.await.map_err(|_| Unsettled::Stale)
    }

    /// Writes it where dead letters go, and finishes it when that is confirmed.
    async fn bury(&self, error: &Error) -> Result<(), Unsettled> {
        let names = &self.link.builder.names;
        let bury = |headers: Headers| header::bury(headers, error, &names.request_topic, self.attempt);
        let letter = |headers| Letter::copy(&names.dead_topic, None, self.key.as_ref(), &headers, &self.body);
        let mut settled = self.move_on(letter(bury(self.headers.clone()))).await;
        // Headers of others may leave no room for why it died, and a large body none for anything. The body matters most.
        for (headers, lost) in [(bury(Headers::new()), "its headers"), (Headers::new(), "headers and reason")]
        {
            if !matches!(&settled, Err(Unsettled::NotSent(too_large)) if is_too_large(too_large)) {
                break;
            }
            tracing::warn!(offset = self.offset, %error, "a dead letter is written without {lost}: there is no room");
            settled = self.move_on(letter(headers)).await;
        }
        settled
    }

    /// Writes it again after a while, to a partition that another server has if there is one, and finishes it when that is
    /// confirmed.
    async fn again(&self, after: Duration, attempt: u32) -> Result<(), Unsettled> {
        // It counts against the credit meanwhile. A server that drains takes nothing itself: it waits for nothing.
        tokio::select! {
            () = sleep(after) => {}
            () = self.link.shelf.drained() => {}
            () = self.part.lost() => return Err(Unsettled::Stale),
        }
        let topic = &self.link.builder.names.request_topic;
        let mut headers = self.headers.clone().with(header::ORIGIN, &**topic);
        if attempt > 1 {
            headers.insert(header::ATTEMPT, i64::from(attempt));
        }
        let partition = self.link.others_partition();
        let letter = Letter::copy(topic, partition, self.key.as_ref(), &headers, &self.body);
        self.move_on(letter).await
    }

    /// Writes until it is confirmed, for as long as the request is ours: the record can't be given back, and all that is
    /// finished after it waits for it.
    async fn move_on(&self, mut letter: Letter) -> Result<(), Unsettled> {
        for attempt in 1.. {
            if self.part.is_lost() {
                return Err(Unsettled::Stale);
            }
            let sent = async { self.link.write(letter.clone()).await?.await };
            let Err(error) = sent.await else { break };
            if self.link.closed.is_cancelled() || is_too_large(&error) {
                return Err(Unsettled::NotSent(error));
            }
            tracing::warn!(%error, "what follows from a request could not be written; it is tried again");
            sleep(backoff(attempt)).await;
            // That partition may have no leader, or not be there any more.
            letter.elsewhere(&self.link);
        }
        self.finish().await
    }
}

/// True for what no further attempt will change.
fn is_too_large(error: &PublishError) -> bool {
    let PublishError::Broker(error) = error else { return false };
    let code = error.downcast_ref::<KafkaError>().and_then(KafkaError::rdkafka_error_code);
    code == Some(RDKafkaErrorCode::MessageSizeTooLarge)
}

/// Why a settlement has failed. In any case the request is delivered again.
#[derive(Debug, thiserror::Error)]
enum Unsettled {
    #[error("the partition is another server's by now, which has the request, too")]
    Stale,
    #[error(
        "what follows from the request could not be written: {0}; it is delivered again when its partition moves"
    )]
    NotSent(PublishError),
}
