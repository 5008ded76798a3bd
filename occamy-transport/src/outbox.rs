//! The outbox: messages that are sent in the background, in order.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use occamy_core::transport::PublishError;
use occamy_core::{Error, ErrorKind};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::line::{Confirmation, Line};

/// How many letters may be unconfirmed at a time.
const UNCONFIRMED: usize = 64;

/// The end of an outbox that can close it. Made by [`LinePublisher::open`](crate::LinePublisher::open).
///
/// Letters are written in the order in which they were posted, as long as there is a connection; while there is none they
/// stay, so that the outbox fills and refuses more. The monitor is told of each that the broker did not take.
#[derive(Debug)]
pub struct Outbox {
    closing: CancellationToken,
    farewell: watch::Receiver<Option<Farewell>>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Farewell {
    /// How many letters could not be sent at last.
    unsent: usize,
    /// The broker knows of the end.
    heard: bool,
}

impl Outbox {
    pub(crate) fn open<L: Line>(
        line: Arc<L>,
        runtime: &Handle,
        bound: usize,
    ) -> (mpsc::Sender<L::Letter>, Self) {
        let (sender, letters) = mpsc::channel(bound.max(1));
        let (farewell, heard) = watch::channel(None);
        let closing = CancellationToken::new();
        let mut sending = Sending { line, letters, unconfirmed: FuturesUnordered::new(), over: 0, unsent: 0 };
        let closed = closing.clone();
        runtime.spawn(async move {
            sending.until(&closed).await;
            if closed.is_cancelled() {
                farewell.send_replace(Some(sending.close().await));
            }
        });
        (sender, Self { closing, farewell: heard })
    }

    /// Takes nothing more, sends what is left within the line's patience, and hangs up. That goes on if the future is
    /// dropped.
    ///
    /// # Errors
    ///
    /// If something could not be sent, or the broker could not be told of the end.
    pub async fn close(&self) -> Result<(), Error> {
        self.closing.cancel();
        let mut farewell = self.farewell.clone();
        match farewell.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(Farewell { unsent: 0, heard: true })) => Ok(()),
            Ok(Some(Farewell { unsent: 0, .. })) => {
                Err(failed("the broker could not be told of the end".into()))
            }
            Ok(Some(Farewell { unsent, .. })) => {
                Err(failed(format!("{unsent} messages in the outbox could not be sent")))
            }
            Ok(None) | Err(_) => Err(failed("the connection had ended before".into())),
        }
    }
}

/// The end that sends.
struct Sending<L: Line> {
    line: Arc<L>,
    letters: mpsc::Receiver<L::Letter>,
    unconfirmed: FuturesUnordered<Confirmation>,
    /// How many letters have come to an end, and how many of them to a bad one, since the outbox closed.
    over: usize,
    unsent: usize,
}

impl<L: Line> Sending<L> {
    /// Sends until the outbox is closed, or nobody can post any more.
    async fn until(&mut self, closing: &CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = closing.cancelled() => return,
                Some(confirmed) = self.unconfirmed.next(), if !self.unconfirmed.is_empty() => self.note(confirmed),
                letter = next(&*self.line, &mut self.letters), if self.unconfirmed.len() < UNCONFIRMED => {
                    let Some(letter) = letter else { break };
                    self.write(letter).await;
                }
            }
        }
        while let Some(confirmed) = self.unconfirmed.next().await {
            self.note(confirmed);
        }
    }

    /// Sends what is left, as long as that may take.
    async fn close(&mut self) -> Farewell {
        self.letters.close();
        (self.over, self.unsent) = (0, 0);
        let all = self.letters.len() + self.unconfirmed.len();
        let line = Arc::clone(&self.line);
        let rest = async {
            while let Some(letter) = self.letters.recv().await {
                self.write(letter).await;
            }
            while let Some(confirmed) = self.unconfirmed.next().await {
                self.note(confirmed);
            }
        };
        // What is not over by then, the letter that is just being written among it, was not sent.
        let _ = timeout(line.patience(), rest).await;
        while self.over < all {
            self.note(Err(PublishError::Broker("it could not be sent before the end".into())));
        }
        let heard = timeout(line.patience(), line.hang_up()).await.unwrap_or(false);
        Farewell { unsent: self.unsent, heard }
    }

    async fn write(&mut self, letter: L::Letter) {
        match self.line.write(letter).await {
            Ok(confirmation) => self.unconfirmed.push(confirmation),
            Err(error) => self.note(Err(error)),
        }
    }

    fn note(&mut self, confirmed: Result<(), PublishError>) {
        self.over += 1;
        let Err(error) = confirmed else { return };
        self.unsent += 1;
        let reason = error.to_string();
        if !self.line.connectivity().observer().unsent(error) {
            tracing::warn!(reason, "a message in the outbox could not be sent");
        }
    }
}

/// The next letter, once there is a connection for it: nothing leaves the outbox before, so that it stays bounded.
async fn next<L: Line>(line: &L, letters: &mut mpsc::Receiver<L::Letter>) -> Option<L::Letter> {
    line.connectivity().connected().await;
    letters.recv().await
}

fn failed(message: String) -> Error {
    Error::new(ErrorKind::UnknownTask, message)
}

#[cfg(test)]
mod tests;
