//! The outbox of a publisher: messages that are sent in the background, in order.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::OptionFuture;
use occamy_core::transport::PublishError;
use occamy_core::{Error, ErrorKind};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::link::{Link, fence};
use crate::publisher::{Address, Letter, unanswered};

/// The end of an outbox that can close it.
pub(crate) struct Outbox {
    closing: CancellationToken,
    /// How many messages could not be sent at last, and whether the broker has the others, once that is known.
    farewell: watch::Receiver<Option<(usize, bool)>>,
}

impl Outbox {
    /// Begins to send letters, until the outbox is closed. They wait for a connection as long as it takes.
    pub(crate) fn open(link: &Arc<Link>) -> (mpsc::Sender<Letter>, Self) {
        let (sender, letters) = mpsc::channel(link.builder.outbox);
        let (farewell, heard) = watch::channel(None);
        let closing = CancellationToken::new();
        link.runtime.spawn(send_letters(Arc::clone(link), letters, closing.clone(), farewell));
        (sender, Self { closing, farewell: heard })
    }

    /// Takes nothing more, sends what is left within the publish timeout, then ends the connection. That goes on if the
    /// future is dropped.
    pub(crate) async fn close(&self) -> Result<(), Error> {
        self.closing.cancel();
        let mut farewell = self.farewell.clone();
        match farewell.wait_for(Option::is_some).await.as_deref() {
            Ok(Some((0, true))) => Ok(()),
            Ok(Some((0, false))) => Err(failed("the broker could not be told of the end".into())),
            Ok(Some((unsent, _))) => {
                Err(failed(format!("{unsent} messages in the outbox could not be sent")))
            }
            Ok(None) | Err(_) => Err(failed("the connection had ended before".into())),
        }
    }
}

async fn send_letters(
    link: Arc<Link>,
    mut letters: mpsc::Receiver<Letter>,
    closing: CancellationToken,
    farewell: watch::Sender<Option<(usize, bool)>>,
) {
    let mut sending = None;
    loop {
        tokio::select! {
            () = closing.cancelled() => break,
            letter = letters.recv(), if sending.is_none() => match letter {
                Some(letter) => sending = Some(send(&link, letter).boxed()),
                None => break,
            },
            _ = OptionFuture::from(sending.as_mut()), if sending.is_some() => sending = None,
        }
    }
    letters.close();
    let patience = link.builder.publish_timeout;
    let mut unsent = letters.len() + usize::from(sending.is_some());
    let mut told = 0;
    let rest = async {
        let mut count = |sent| if sent { unsent -= 1 } else { told += 1 };
        if let Some(sending) = sending {
            count(sending.await);
        }
        while let Some(letter) = letters.recv().await {
            count(send(&link, letter).await);
        }
        fence(&link.client(), patience).await.is_ok()
    };
    let heard = timeout(patience, rest).await.unwrap_or(false);
    for _ in told..unsent {
        tell(&link, unanswered());
    }
    link.close();
    farewell.send_replace(Some((unsent, heard)));
}

/// Sends one, or tells of it. True if it was sent.
async fn send(link: &Link, letter: Letter) -> bool {
    // Nothing leaves the outbox before there is somebody to take it, so that it stays bounded.
    link.connected().await;
    let sent = match letter.address {
        Address::Request => link.send(letter).await,
        // Nobody waits to hear of it, so nothing does.
        Address::Control => link.write_control(letter).await,
    };
    match sent {
        Ok(()) => true,
        Err(error) => {
            tell(link, error);
            false
        }
    }
}

fn tell(link: &Link, error: PublishError) {
    let reason = error.to_string();
    if !link.observer.unsent(error) {
        tracing::warn!(reason, "a message in the outbox could not be sent");
    }
}

fn failed(message: String) -> Error {
    Error::new(ErrorKind::UnknownTask, message)
}
