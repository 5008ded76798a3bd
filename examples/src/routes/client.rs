//! The client: sends requests, and follows what masters tell of them.
//!
//! It connects as a server does, because masters answer by control messages, which every server gets. It only never asks
//! for a request.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use bytes::Bytes;
use occamy_core::transport::{ControlStream, PublishError, Publisher, Transport, header};
use occamy_core::{Error, Headers};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::job::REQUEST;
use super::news::{News, enough};
use super::options::{Options, Source};
use super::site::Site;
use super::{Board, Job};

/// How often the client looks whether it is done.
const LOOK: Duration = Duration::from_millis(100);

/// Before a request is sent again that the broker did not take.
const PAUSE: Duration = Duration::from_secs(1);

/// What the last answers have to get out.
const CLOSING: Duration = Duration::from_secs(5);

/// A client with its connection.
pub(super) struct Client {
    transport: Box<dyn Transport>,
    board: Board,
    address: Arc<str>,
    /// When something was last heard of a request.
    heard: watch::Receiver<Instant>,
    /// Ends when the connection does, or with the client.
    _listening: JoinSet<()>,
}

impl Client {
    /// Connects, and listens from then on.
    pub(super) async fn connect(site: &Site) -> anyhow::Result<Self> {
        // An address has to be nobody else's; the name is for people.
        let address: Arc<str> = format!("client-{}", uuid::Uuid::new_v4().simple()).into();
        let transport = site.connect(&site.own("client")).await.context("the client can't be connected")?;
        let board = Board::default();
        let (hearing, heard) = watch::channel(Instant::now());
        let (publisher, controls) = (transport.publisher(), transport.controls());
        let listener = Listener { board: board.clone(), address: Arc::clone(&address), publisher, hearing };
        let mut listening = JoinSet::new();
        listening.spawn(listener.listen(controls));
        Ok(Self { transport, board, address, heard, _listening: listening })
    }

    /// What is known of the requests.
    pub(super) fn board(&self) -> &Board {
        &self.board
    }

    /// Sends the requests, one after the other.
    pub(super) async fn send(
        &self,
        site: &Site,
        options: &Options,
        sources: &[Source],
        seed: u64,
    ) -> anyhow::Result<()> {
        for (number, source) in (0..options.requests).zip(sources.iter().cycle()) {
            if number > 0 {
                tokio::time::sleep(options.interval).await;
            }
            let job = Job {
                request: site.own(&format!("{:03}-{}", number + 1, source.instance.name())).into(),
                reply_to: Arc::clone(&self.address),
                text: source.text.clone(),
                instance: source.instance.clone(),
                sent: SystemTime::now(),
                time: options.seconds,
                seed: seed.wrapping_mul(options.requests.into()).wrapping_add(number.into()),
            };
            self.board.sent(job.clone());
            self.send_one(&job, options.patience).await.context("a request was not sent")?;
        }
        Ok(())
    }

    /// Sends a request. While the broker can't be reached it is tried again; a request that was sent twice has one result.
    async fn send_one(&self, job: &Job, patience: Duration) -> anyhow::Result<()> {
        let (publisher, start) = (self.transport.publisher(), Instant::now());
        loop {
            match publisher.request(job.headers()?, job.text.clone()).await {
                Err(PublishError::Broker(error)) if start.elapsed() < patience => {
                    tracing::warn!(
                        request = &*job.request,
                        error,
                        "the broker did not take a request; it is sent again"
                    );
                    tokio::time::sleep(PAUSE).await;
                }
                sent => return Ok(sent?),
            }
        }
    }

    /// Waits for the results of all requests that were sent, except the `lost` ones, of which it is known that there will
    /// be none. If nothing is heard of any request for the time of our `patience` we go without, and say which are missing.
    pub(super) async fn results(&self, patience: Duration, lost: impl Fn() -> usize) -> Vec<String> {
        let asked = Instant::now();
        loop {
            if self.board.ended() + lost() >= self.board.sent_so_far() {
                return Vec::new();
            }
            let heard = asked.max(*self.heard.borrow());
            if heard.elapsed() >= patience {
                return self.board.missing(patience);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Ends the connection, when the last answer is sent. Masters that still run hear that nobody waits for them.
    pub(super) async fn close(&self) {
        let publisher = self.transport.publisher();
        for row in self.board.all().iter().filter(|row| !row.finished) {
            // One that doesn't hear it runs to its end.
            let _ = publisher.try_control(enough(&row.job.request), Bytes::new());
        }
        match tokio::time::timeout(CLOSING, self.transport.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the client's connection was not closed in order"),
            Err(_) => {
                tracing::warn!("the client's connection was not closed in order: the broker doesn't answer");
            }
        }
    }
}

/// Takes the control messages.
struct Listener {
    board: Board,
    address: Arc<str>,
    publisher: Arc<dyn Publisher>,
    hearing: watch::Sender<Instant>,
}

impl Listener {
    async fn listen(self, mut controls: Box<dyn ControlStream>) {
        loop {
            match controls.next().await {
                Ok(Some(message)) => {
                    if let Err(error) = self.take(message.headers(), message.body()) {
                        tracing::warn!(%error, "a message for the client can't be read");
                    }
                    if let Err(error) = message.ack().await {
                        tracing::debug!(%error, "a control message was not acknowledged");
                    }
                }
                Ok(None) => return,
                Err(error) => tracing::warn!(%error, "control messages can't be had for the moment"),
            }
        }
    }

    /// Takes in what is for us. Most is for others.
    fn take(&self, headers: &Headers, body: &Bytes) -> Result<(), Error> {
        if headers.optional_string(header::TASK_ID)? != Some(&*self.address) {
            return Ok(());
        }
        let request = headers.string(REQUEST)?;
        let Some(cities) = self.board.cities(request) else { return Ok(()) };
        let news = News::decode(headers, body, cities)?;
        if news.finished {
            // If it doesn't get there, the result comes again.
            let _ = self.publisher.try_control(enough(request), Bytes::new());
        }
        self.board.hear(request, news);
        self.hearing.send_replace(Instant::now());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
