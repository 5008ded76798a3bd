//! Asking JetStream for as many requests as there are free slots.

use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::consumer::pull::BatchConfig;
use async_nats::{Client, Message, StatusCode, SubscribeError, Subscriber};
use bytes::Bytes;

/// How long JetStream keeps a pull that it can't serve.
pub(crate) const EXPIRES: Duration = Duration::from_secs(30);
/// How long its end may take to reach us, before the pull is given up.
const GRACE: Duration = Duration::from_secs(5);
/// How many requests one pull asks for at most.
pub(crate) const LARGEST: usize = 1_000;

/// The pulls that are out, on a subscription of their own.
pub(crate) struct Pulls {
    pub(crate) consumer: PullConsumer,
    inbox: String,
    answers: Subscriber,
    /// How many answers there were.
    received: u64,
    /// How many pulls there were: each has an address of its own.
    count: u64,
    /// How many requests have been asked for and have not come.
    outstanding: usize,
    /// When the last pull is over.
    until: Instant,
    /// Nothing is asked for before this.
    not_before: Instant,
}

/// What an answer says that is no request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// A pull is over, as pulls are.
    Over,
    /// There is no consumer to answer.
    Gone,
}

impl Pulls {
    pub(crate) async fn open(client: &Client, consumer: PullConsumer) -> Result<Self, SubscribeError> {
        let inbox = client.new_inbox();
        let answers = client.subscribe(format!("{inbox}.>")).await?;
        let now = Instant::now();
        Ok(Self {
            consumer,
            inbox,
            answers,
            received: 0,
            count: 0,
            outstanding: 0,
            until: now,
            not_before: now,
        })
    }

    /// Asks for what is missing and not on its way.
    pub(crate) async fn ask(&mut self, missing: usize, now: Instant) {
        if now > self.until + GRACE {
            // Whatever became of them.
            self.outstanding = 0;
        }
        let missing = missing.saturating_sub(self.outstanding).min(LARGEST);
        if missing == 0 || now < self.not_before {
            return;
        }
        self.count += 1;
        let batch = BatchConfig { batch: missing, expires: Some(EXPIRES), ..BatchConfig::default() };
        // An answer that a pull is over tells by its address how large the pull was.
        let reply = format!("{}.{}.{missing}", self.inbox, self.count);
        match self.consumer.request_batch(batch, reply.into()).await {
            Ok(()) => {
                self.outstanding += missing;
                self.until = now + EXPIRES;
            }
            Err(error) => {
                tracing::debug!(%error, "requests could not be asked for");
                self.pause(Duration::from_millis(100), now);
            }
        }
    }

    /// Asks for nothing for a while.
    pub(crate) fn pause(&mut self, pause: Duration, now: Instant) {
        self.not_before = self.not_before.max(now + pause);
    }

    /// When to ask again, at the latest, though nothing has happened.
    pub(crate) fn wake_at(&self, now: Instant) -> Instant {
        if self.not_before > now {
            self.not_before
        } else {
            self.until.max(now) + GRACE + Duration::from_secs(1)
        }
    }

    /// The next answer. `None` when the client has died, or after [`drain`](Self::drain) when all have come.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        use futures_util::StreamExt;
        let answer = self.answers.next().await;
        self.received += u64::from(answer.is_some());
        answer
    }

    /// What has come already, without waiting.
    pub(crate) fn next_if_any(&mut self) -> Option<Message> {
        use futures_util::FutureExt;
        self.next().now_or_never().flatten()
    }

    /// How many requests may still come.
    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Takes note of an answer: what it says, unless it is a request.
    pub(crate) fn count(&mut self, answer: &Message, now: Instant) -> Option<Status> {
        // A request can be acknowledged. Whoever sent it may have put a status into it, which means nothing.
        let Some(status) = answer.status.filter(|_| answer.reply.is_none()) else {
            self.outstanding = self.outstanding.saturating_sub(1);
            return None;
        };
        self.outstanding = self.outstanding.saturating_sub(unserved(answer));
        let description = answer.description.as_deref().unwrap_or_default();
        tracing::trace!(%status, description, "a pull is over");
        let gone = status == StatusCode::NO_RESPONDERS || description.contains("Consumer Deleted");
        if gone {
            self.outstanding = 0;
            self.pause(Duration::from_millis(250), now);
            return Some(Status::Gone);
        }
        if status != StatusCode::TIMEOUT {
            // Too many pulls at a time, a server that is about to end: it would say the same again.
            self.pause(Duration::from_millis(100), now);
        }
        Some(Status::Over)
    }

    /// Asks for nothing any more; what is on its way still comes. For pulls that have seen no other connection.
    ///
    /// The client's own way to drain a subscription forgets it before the server has, and loses what comes in between. But
    /// an end after so many messages is counted on both sides. So this is one that no answer can be beyond, and farewells
    /// to ourselves fill the count.
    pub(crate) async fn drain(&mut self, client: &Client) {
        // A pull may have one answer more than it has requests.
        let farewells = 2 * self.outstanding as u64 + 1;
        let mut said = self.answers.unsubscribe_after(self.received + farewells).await.is_ok();
        for _ in 0..farewells {
            said = said && client.publish(format!("{}.farewell", self.inbox), Bytes::new()).await.is_ok();
        }
    }
}

/// How many of the requests that a pull asked for will not come. Servers from 2.9 on tell, but not when they refuse it, and
/// then it is all of them.
fn unserved(answer: &Message) -> usize {
    let all = answer.subject.rsplit('.').next().and_then(|size| size.parse().ok()).unwrap_or(0);
    let headers = answer.headers.as_ref();
    let pending = headers.and_then(|headers| headers.get("Nats-Pending-Messages"));
    pending.and_then(|pending| pending.as_str().parse().ok()).unwrap_or(all).min(all)
}
