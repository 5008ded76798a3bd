//! The words with which a request is settled.

use std::time::Duration;

use lapin::options::{BasicAckOptions, BasicNackOptions};
use occamy_core::transport::{PublishError, header, settlement_error};
use occamy_core::{BrokerEvent, Error, Headers, Verdict, VerdictKind};
use occamy_transport::{Line, jittered};
use tokio::time::sleep;

use super::Request;
use crate::sending::Letter;

impl Request {
    pub(super) async fn carry_out(mut self, verdict: Verdict) -> Result<(), Error> {
        let kind = verdict.kind();
        let pause = self.link.builder.pause;
        let settled = match verdict {
            Verdict::Done => self.acknowledge().await,
            Verdict::Failed(error) => self.bury(&error).await,
            Verdict::Retry { after, error, .. } => self.retry(after, &error).await,
            Verdict::Busy => self.give_back(jittered(pause, 0.5..=1.5)).await,
            // And whatever else there may be one day.
            _ => self.give_back(jittered(pause, 1.0..=1.5)).await,
        };
        if let Err(Unsettled::NotSent(_)) = &settled {
            // It is still ours, and nobody else will have it.
            let _ = self.give_back(jittered(pause, 1.0..=1.5)).await;
        }
        self.close();
        self.told(kind, settled)
    }

    /// Its task is done. Needs no timer. Dropped after its first poll it is acknowledged all the same.
    pub(super) async fn done(mut self: Box<Self>) -> Result<(), Error> {
        let settled = self.acknowledge().await;
        self.close();
        self.told(VerdictKind::Done, settled)
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

    async fn acknowledge(&self) -> Result<(), Unsettled> {
        self.say(self.acker.ack(BasicAckOptions::default())).await
    }

    /// Hands it back after a while: a lone consumer has it again at once.
    async fn give_back(&self, pause: Duration) -> Result<(), Unsettled> {
        self.keep(pause).await?;
        self.say(self.acker.nack(BasicNackOptions { requeue: true, ..BasicNackOptions::default() })).await
    }

    /// Puts it where dead letters go, and acknowledges it when that is confirmed.
    async fn bury(&self, error: &Error) -> Result<(), Unsettled> {
        let names = &self.link.builder.names;
        let bury = |headers| header::bury(headers, error, &names.request_queue, self.attempt);
        // A publisher of ours leaves room for our headers, others may not. Then rather without all headers than not at all.
        for headers in [bury(self.headers.clone()), self.headers.clone()] {
            match self.move_to(&names.dead_queue, &headers).await {
                Err(Unsettled::NotSent(PublishError::Headers(_))) => {}
                moved => return moved,
            }
        }
        self.move_to(&names.dead_queue, &bury(Headers::new())).await
    }

    /// Sends it anew with the attempt raised, after a while, and acknowledges this one when that is confirmed.
    async fn retry(&self, after: Duration, error: &Error) -> Result<(), Unsettled> {
        self.keep(after).await?;
        let attempt = i64::from(self.attempt.saturating_add(1));
        let headers = self.headers.clone().with(header::ATTEMPT, attempt);
        match self.move_to(&self.link.builder.names.request_queue, &headers).await {
            // An attempt that can't be counted would be made for ever.
            Err(Unsettled::NotSent(PublishError::Headers(_))) => self.bury(error).await,
            moved => moved,
        }
    }

    /// Keeps it for a while, for which it counts against the credit. A server that drains takes nothing itself, and is about
    /// to end: it waits for nothing.
    async fn keep(&self, pause: Duration) -> Result<(), Unsettled> {
        tokio::select! {
            () = sleep(pause) => {}
            () = self.link.shelf.drained() => {}
            // It is handed out again, and nothing is kept any more.
            () = self.epoch.lost() => {}
        }
        self.check()
    }

    async fn move_to(&self, queue: &str, headers: &Headers) -> Result<(), Unsettled> {
        self.check()?;
        let letter = Letter::to_queue(&self.link, queue, headers, &self.body).map_err(Unsettled::NotSent)?;
        let sent = async { self.link.write(letter).await?.await };
        sent.await.map_err(|error| {
            if self.epoch.is_lost() { Unsettled::Stale } else { Unsettled::NotSent(error) }
        })?;
        self.acknowledge().await
    }

    /// Writes a word. There is no answer to it.
    async fn say(&self, word: impl Future<Output = Result<bool, lapin::Error>>) -> Result<(), Unsettled> {
        self.check()?;
        // While RabbitMQ lacks memory it is not written, but will be: only a loss of the connection makes it void.
        tokio::select! {
            biased;
            said = word => match said {
                Ok(true) => Ok(()),
                // The channel has been closed: RabbitMQ hands out again what it had brought.
                Ok(false) | Err(_) => Err(Unsettled::Stale),
            },
            () = self.epoch.lost() => Err(Unsettled::Stale),
            // The client forgets what its runtime had not written by its end, and tells nobody.
            () = self.link.closed.cancelled() => Err(Unsettled::Stale),
        }
    }

    fn check(&self) -> Result<(), Unsettled> {
        // A transport that is dropped ends a little later.
        if self.epoch.is_lost() || self.link.closed.is_cancelled() { Err(Unsettled::Stale) } else { Ok(()) }
    }
}

/// Why a settlement has failed. In any case the request is delivered again.
#[derive(Debug, thiserror::Error)]
enum Unsettled {
    #[error("the connection that brought the request is gone: it is handed out again")]
    Stale,
    #[error("what follows from the request could not be sent: {0}; it is handed out again")]
    NotSent(PublishError),
}
