//! Dead letters: got from their queue one after the other, over a connection of their own.
//!
//! What is got and not removed is RabbitMQ's again when that connection ends, in its old place: had it been handed back
//! before, the next one got would be the same.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicGetOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Acker, Channel, Connection as Client};
use occamy_core::transport::{DeadLetter, DeadLetterError, DeadLetterStream, header};
use occamy_core::{BoxFuture, Headers};
use occamy_transport::Line;

use crate::connect::connect;
use crate::link::Link;
use crate::message::{COUNTS, headers};
use crate::sending::Letter;
use crate::transport::Connection;

/// What RabbitMQ writes on what it buries itself.
const DEATHS: &[&str] = &["x-death", "x-first-death-", "x-last-death-"];

/// As many dead letters as there are by now.
pub(crate) async fn open(connection: Arc<Connection>) -> Result<Box<dyn DeadLetterStream>, DeadLetterError> {
    let link = Arc::clone(&connection.link);
    let opening = connection.link.runtime.spawn(async move {
        let client = connect(&link.builder).await.map_err(DeadLetterError::unavailable)?;
        let channel = client.create_channel().await.map_err(DeadLetterError::unavailable)?;
        let queue = Queue { _client: client, channel, name: link.builder.names.dead_queue.clone() };
        let left = queue.letters().await.map_err(DeadLetterError::unavailable)?;
        Ok::<_, DeadLetterError>((queue, left))
    });
    let (queue, left) = opening.await.map_err(DeadLetterError::unavailable)??;
    Ok(Box::new(DeadLetters { connection, queue: Arc::new(queue), left }))
}

/// The queue of dead letters, as long as anybody has one of them.
struct Queue {
    /// It ends when it is dropped.
    _client: Client,
    channel: Channel,
    name: String,
}

impl Queue {
    /// How many nobody has. Answered after everything that was said on the channel before.
    async fn letters(&self) -> Result<u32, lapin::Error> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let declared = self.channel.queue_declare(self.name.as_str().into(), options, FieldTable::default());
        Ok(declared.await?.message_count())
    }

    async fn remove(&self, acker: Acker) -> Result<(), DeadLetterError> {
        let removed = async {
            acker.ack(BasicAckOptions::default()).await?;
            // An acknowledgement has no answer, but this has.
            self.letters().await
        };
        removed.await.map(drop).map_err(|error: lapin::Error| DeadLetterError::not_removed(error))
    }
}

struct DeadLetters {
    connection: Arc<Connection>,
    queue: Arc<Queue>,
    left: u32,
}

impl DeadLetterStream for DeadLetters {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Box<dyn DeadLetter>>, DeadLetterError>> {
        async move {
            if self.left == 0 {
                return Ok(None);
            }
            let queue = Arc::clone(&self.queue);
            let getting = self.connection.link.runtime.spawn(async move {
                queue.channel.basic_get(queue.name.as_str().into(), BasicGetOptions::default()).await
            });
            let Some(got) =
                getting.await.map_err(DeadLetterError::unavailable)?.map_err(DeadLetterError::unavailable)?
            else {
                self.left = 0;
                return Ok(None);
            };
            self.left -= 1;
            let Delivery { properties, data, acker, .. } = got.delivery;
            let (mut headers, _) = headers(properties.headers());
            for name in COUNTS {
                headers.remove(name);
            }
            let (connection, queue) = (Arc::clone(&self.connection), Arc::clone(&self.queue));
            Ok(Some(Box::new(Buried { connection, queue, acker, headers, body: data.into() }) as Box<_>))
        }
        .boxed()
    }
}

struct Buried {
    connection: Arc<Connection>,
    queue: Arc<Queue>,
    acker: Acker,
    headers: Headers,
    body: Bytes,
}

impl Buried {
    fn request(&self, link: &Link) -> Result<Letter, DeadLetterError> {
        let headers = first_sent(self.headers.clone());
        Ok(Letter::to_queue(link, &link.builder.names.request_queue, &headers, &self.body)?)
    }
}

impl DeadLetter for Buried {
    fn headers(&self) -> &Headers {
        &self.headers
    }

    fn body(&self) -> &Bytes {
        &self.body
    }

    fn replay(self: Box<Self>) -> BoxFuture<'static, Result<(), DeadLetterError>> {
        async move {
            let link = Arc::clone(&self.connection.link);
            let request = self.request(&link)?;
            let Self { connection, queue, acker, .. } = *self;
            let replaying = connection.link.runtime.spawn(async move {
                link.write(request).await?.await?;
                queue.remove(acker).await
            });
            replaying.await.map_err(DeadLetterError::unavailable)?
        }
        .boxed()
    }

    fn remove(self: Box<Self>) -> BoxFuture<'static, Result<(), DeadLetterError>> {
        async move {
            let Self { connection, queue, acker, .. } = *self;
            let removing = connection.link.runtime.spawn(async move { queue.remove(acker).await });
            removing.await.map_err(DeadLetterError::not_removed)?
        }
        .boxed()
    }
}

/// The headers without those that tell of the death.
fn first_sent(headers: Headers) -> Headers {
    let (headers, _) = header::take_own(headers);
    let deaths = |name: &str| DEATHS.iter().any(|death| name.starts_with(death));
    let own = headers.iter().filter(|(name, _)| !deaths(name));
    own.map(|(name, value)| (name.to_owned(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use occamy_core::{Error, ErrorKind, Value};

    use super::*;

    #[test]
    fn nothing_that_tells_of_a_death_is_sent_again() {
        let own = Headers::new().with("zoom", 3).with("x-deadline", "noon");
        let buried = header::bury(own.clone(), &Error::new(ErrorKind::InvalidBody, "no"), "q", 5);
        assert_eq!(first_sent(buried), own);
        let given_up = own
            .clone()
            .with("x-death", Value::list([Value::table(Headers::new().with("count", 1)).unwrap()]).unwrap())
            .with("x-first-death-queue", "q")
            .with("x-last-death-reason", "delivery_limit");
        assert_eq!(first_sent(given_up), own);
    }
}
