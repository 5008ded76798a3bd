//! Where letters are handed in: the channel for sending, and what waits there for its confirmation.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use lapin::message::BasicReturnMessage;
use lapin::types::ShortString;
use lapin::{Channel, Confirmation as Confirmed};
use occamy_core::transport::PublishError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use crate::sending::{Letter, broker, unroutable};

/// How many letters may lie there and not be written yet.
const ON_THE_DESK: usize = 64;

/// What became of a letter.
type Answer = oneshot::Sender<Result<(), PublishError>>;

/// One channel, and the task that sends over it, in order.
///
/// RabbitMQ returns what no queue takes before it confirms it, and lapin gives the return to whichever confirmation comes
/// next. So each letter has an id, by which it is found again.
#[derive(Clone)]
pub(crate) struct Desk {
    channel: Channel,
    letters: mpsc::Sender<(Letter, Answer)>,
}

impl Desk {
    /// On a channel that confirms.
    pub(crate) fn open(channel: Channel) -> Self {
        let (sender, letters) = mpsc::channel(ON_THE_DESK);
        tokio::spawn(serve(channel.clone(), letters));
        Self { channel, letters: sender }
    }

    /// True if another one is needed: RabbitMQ closes a channel over a message that it can't take.
    pub(crate) fn is_closed(&self) -> bool {
        self.letters.is_closed() || !self.channel.status().connected()
    }

    /// Resolves when the channel is through with closing. The next one may have its number, and lapin would mix them up.
    pub(crate) async fn ended(&self) {
        while self.channel.status().closing() {
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Hands a letter in. If nobody waits for the answer any more when it is its turn, it is not sent.
    pub(crate) async fn take(
        &self,
        letter: Letter,
    ) -> Result<oneshot::Receiver<Result<(), PublishError>>, PublishError> {
        let (sender, answer) = oneshot::channel();
        self.letters.send((letter, sender)).await.map_err(|_| closed())?;
        Ok(answer)
    }
}

pub(crate) fn closed() -> PublishError {
    broker("the connection with RabbitMQ was lost before it was confirmed")
}

async fn serve(channel: Channel, mut letters: mpsc::Receiver<(Letter, Answer)>) {
    let mut unconfirmed = FuturesUnordered::new();
    let mut returned = HashMap::new();
    loop {
        tokio::select! {
            biased;
            Some(first) = unconfirmed.next(), if !unconfirmed.is_empty() => {
                let mut over: Vec<(ShortString, Answer, _)> = vec![first];
                // A return that came before is in one of these.
                while let Some(Some(next)) = unconfirmed.next().now_or_never() {
                    over.push(next);
                }
                for (_, _, confirmed) in &over {
                    if let Some((id, error)) = returned_with(confirmed) {
                        returned.insert(id, error);
                    }
                }
                for (id, answer, confirmed) in over {
                    // Who waits for it may have given up.
                    let _ = answer.send(returned.remove(&id).map_or_else(|| word(confirmed), Err));
                }
            }
            letter = letters.recv() => {
                let Some((letter, answer)) = letter else { return };
                if answer.is_closed() {
                    continue;
                }
                let id = ShortString::from(uuid::Uuid::new_v4().simple().to_string());
                let sending = letter.send(channel.clone(), id.clone());
                // They are first polled in the order in which they come here, and written then.
                unconfirmed.push(sending.map(|confirmed| (id, answer, confirmed)));
            }
        }
    }
}

/// The letter that was returned, which need not be the one that this confirms.
fn returned_with(confirmed: &Result<Confirmed, lapin::Error>) -> Option<(ShortString, PublishError)> {
    let Ok(Confirmed::Ack(Some(returned)) | Confirmed::Nack(Some(returned))) = confirmed else { return None };
    let BasicReturnMessage { delivery, .. } = returned;
    Some((delivery.properties.message_id().clone()?, unroutable(returned)))
}

fn word(confirmed: Result<Confirmed, lapin::Error>) -> Result<(), PublishError> {
    match confirmed {
        Ok(Confirmed::Ack(_) | Confirmed::NotRequested) => Ok(()),
        Ok(Confirmed::Nack(_)) => Err(broker("RabbitMQ refused it: a queue is full, or down")),
        Err(error) => Err(broker(error)),
    }
}
