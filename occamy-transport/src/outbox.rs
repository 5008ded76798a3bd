//! The outbox: messages that are sent in the background, in order.

use std::sync::Arc;

use futures_util::future::OptionFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use occamy_core::transport::PublishError;
use occamy_core::{BoxFuture, Error, ErrorKind};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, watch};
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
        let (sender, letters) = mpsc::channel(bound.clamp(1, Semaphore::MAX_PERMITS));
        let (farewell, heard) = watch::channel(None);
        let closing = CancellationToken::new();
        let mut sending = Sending::new(line, letters);
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
    /// The one letter that has left the outbox and is not written yet: it may have to wait for a connection.
    writing: Option<Writing>,
    unconfirmed: FuturesUnordered<Confirmation>,
    /// How many letters have come to an end, and how many of them to a bad one, since the outbox closed.
    over: usize,
    unsent: usize,
}

type Writing = BoxFuture<'static, Result<Confirmation, PublishError>>;

impl<L: Line> Sending<L> {
    fn new(line: Arc<L>, letters: mpsc::Receiver<L::Letter>) -> Self {
        let unconfirmed = FuturesUnordered::new();
        Self { line, letters, writing: None, unconfirmed, over: 0, unsent: 0 }
    }

    /// Sends until the outbox is closed, or nobody can post any more.
    async fn until(&mut self, closing: &CancellationToken) {
        tokio::select! {
            biased;
            () = closing.cancelled() => {}
            () = self.send_all() => {}
        }
    }

    /// Sends what is left, as long as that may take.
    async fn close(&mut self) -> Farewell {
        self.letters.close();
        (self.over, self.unsent) = (0, 0);
        let all = self.letters.len() + usize::from(self.writing.is_some()) + self.unconfirmed.len();
        let line = Arc::clone(&self.line);
        let _ = timeout(line.patience(), self.send_all()).await;
        while self.over < all {
            self.note(Err(PublishError::Broker("it could not be sent before the end".into())));
        }
        let heard = timeout(line.patience(), line.hang_up()).await.unwrap_or(false);
        Farewell { unsent: self.unsent, heard }
    }

    /// Sends until there is nothing more to come. Cancelled, it can go on where it was.
    async fn send_all(&mut self) {
        loop {
            let (idle, room) = (self.writing.is_none(), self.unconfirmed.len() < UNCONFIRMED);
            tokio::select! {
                biased;
                Some(confirmed) = self.unconfirmed.next(), if !self.unconfirmed.is_empty() => self.note(confirmed),
                written = OptionFuture::from(self.writing.as_mut()), if !idle => {
                    self.writing = None;
                    match written {
                        Some(Ok(confirmation)) => self.unconfirmed.push(confirmation),
                        Some(Err(error)) => self.note(Err(error)),
                        None => {}
                    }
                }
                letter = self.letters.recv(), if idle && room => match letter {
                    Some(letter) => self.writing = Some(write(Arc::clone(&self.line), letter).boxed()),
                    None => {
                        while let Some(confirmed) = self.unconfirmed.next().await {
                            self.note(confirmed);
                        }
                        return;
                    }
                },
            }
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

/// Writes a letter as soon as there is a connection for it.
async fn write<L: Line>(line: Arc<L>, letter: L::Letter) -> Result<Confirmation, PublishError> {
    line.connectivity().connected().await;
    line.write(letter).await
}

fn failed(message: String) -> Error {
    Error::new(ErrorKind::UnknownTask, message)
}

#[cfg(test)]
mod tests;
