//! The outbox of a publisher: messages that are sent in the background, in order.

use bytes::Bytes;
use occamy_core::transport::Observer;
use occamy_core::{Error, ErrorKind, Headers};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::publisher::{Address, Line};

/// A message that is to be sent.
pub(super) type Letter = (Address, Headers, Bytes);

/// The end of an outbox that can close it.
pub(super) struct Outbox {
    closing: CancellationToken,
    closed: watch::Receiver<Option<Farewell>>,
}

/// How the connection ended, once it has.
struct Farewell {
    /// How many messages of the outbox could not be sent at last.
    unsent: usize,
    /// The broker knows that it ended.
    heard: bool,
}

impl Outbox {
    /// Begins to send letters over a line, until all senders are gone or the outbox is closed.
    pub(super) fn open(line: Line, observer: Observer, bound: usize) -> (mpsc::Sender<Letter>, Self) {
        let (sender, letters) = mpsc::channel(bound);
        let (farewell, closed) = watch::channel(None);
        let closing = CancellationToken::new();
        tokio::spawn(send_letters(line, letters, observer, closing.clone(), farewell));
        (sender, Self { closing, closed })
    }

    /// Takes nothing more, sends what is left, then ends the connection. That goes on if the future is dropped.
    pub(super) async fn close(&self) -> Result<(), Error> {
        self.closing.cancel();
        let mut closed = self.closed.clone();
        match closed.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(Farewell { unsent: 0, heard: true })) => Ok(()),
            Ok(Some(Farewell { unsent: 0, .. })) => Err(failed("the broker could not be told of the end")),
            Ok(Some(Farewell { unsent, .. })) => {
                Err(failed(format!("{unsent} messages in the outbox could not be sent")))
            }
            Ok(None) | Err(_) => Err(failed("the runtime that sends what is in the outbox has ended")),
        }
    }
}

async fn send_letters(
    line: Line,
    mut letters: mpsc::Receiver<Letter>,
    observer: Observer,
    closing: CancellationToken,
    farewell: watch::Sender<Option<Farewell>>,
) {
    let mut unsent = 0;
    loop {
        let letter = tokio::select! {
            biased;
            () = closing.cancelled(), if !letters.is_closed() => {
                letters.close();
                continue;
            }
            letter = letters.recv() => letter,
        };
        let Some((address, headers, body)) = letter else { break };
        if let Err(error) = line.publish(address, headers, body).await {
            unsent += usize::from(closing.is_cancelled());
            let reason = error.to_string();
            if !observer.unsent(error) {
                tracing::warn!(reason, "a message in the outbox could not be sent");
            }
        }
    }
    if closing.is_cancelled() {
        let heard = line.hang_up();
        farewell.send_replace(Some(Farewell { unsent, heard }));
    }
}

fn failed(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::UnknownTask, message)
}
