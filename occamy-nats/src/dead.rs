//! Dead letters: one message of their stream after the other.

use std::sync::Arc;

use async_nats::HeaderMap;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{DeleteMessageErrorKind, RawMessageErrorKind, Stream};
use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::{DeadLetter, DeadLetterError, DeadLetterStream, PublishError, header};
use occamy_core::{BoxFuture, Headers};

use crate::encoding::{MAX_HEADERS, decode_leniently, encode, size};
use crate::link::Link;
use crate::message::MESSAGE_ID;
use crate::transport::Connection;

/// The dead letters up to the last one that there is by now.
pub(crate) async fn open(connection: Arc<Connection>) -> Result<Box<dyn DeadLetterStream>, DeadLetterError> {
    let link = &connection.link;
    let (context, name) = (link.context(), link.builder.names.dead_stream.clone());
    let looking = link.runtime.spawn(async move { context.get_stream(name).await });
    let stream =
        looking.await.map_err(DeadLetterError::unavailable)?.map_err(DeadLetterError::unavailable)?;
    let state = &stream.cached_info().state;
    let (next, last) = (state.first_sequence, state.last_sequence);
    Ok(Box::new(DeadLetters { connection, next, last }))
}

struct DeadLetters {
    connection: Arc<Connection>,
    /// The sequence from which on to look.
    next: u64,
    last: u64,
}

impl DeadLetterStream for DeadLetters {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Box<dyn DeadLetter>>, DeadLetterError>> {
        async move {
            if self.next > self.last {
                return Ok(None);
            }
            let (link, next) = (Arc::clone(&self.connection.link), self.next);
            let reading = self.connection.link.runtime.spawn(async move {
                let stream = stream(&link).await.map_err(DeadLetterError::unavailable)?;
                // Whatever other subjects the stream has are none of ours.
                let subject = &link.builder.names.dead_subject;
                match stream.get_first_raw_message_by_subject(subject, next).await {
                    Ok(message) => Ok(Some(message)),
                    Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
                    Err(error) => Err(DeadLetterError::unavailable(error)),
                }
            });
            let found = reading.await.map_err(DeadLetterError::unavailable)??;
            let Some(message) = found.filter(|message| message.sequence <= self.last) else {
                self.next = u64::MAX;
                return Ok(None);
            };
            self.next = message.sequence + 1;
            Ok(Some(Box::new(Letter::new(Arc::clone(&self.connection), message)) as Box<_>))
        }
        .boxed()
    }
}

struct Letter {
    connection: Arc<Connection>,
    sequence: u64,
    /// Of this letter and no other, in all streams there ever were.
    identity: String,
    headers: Headers,
    body: Bytes,
}

impl Letter {
    fn new(connection: Arc<Connection>, message: StreamMessage) -> Self {
        let StreamMessage { sequence, headers, payload: body, time, .. } = message;
        let identity = format!("{sequence}.{}-replay", time.unix_timestamp_nanos());
        let headers = decode_leniently(Some(&headers));
        Self { connection, sequence, identity, headers, body }
    }

    /// JetStream stores the request once, however often it is sent within two minutes: by another who replays, too. Unless it
    /// fills a message: then rather perhaps twice than not at all.
    fn request(&self) -> Result<HeaderMap, PublishError> {
        let (headers, _) = header::take_own(self.headers.clone());
        let mut map = encode(&headers)?;
        self.fits(&map)?;
        let mut once = map.clone();
        once.insert(MESSAGE_ID, self.identity.as_str());
        if self.fits(&once).is_ok() {
            map = once;
        }
        Ok(map)
    }

    fn fits(&self, headers: &HeaderMap) -> Result<(), PublishError> {
        let limits = [(0, MAX_HEADERS), (self.body.len(), self.connection.link.client().max_payload())];
        for (body, limit) in limits {
            let size = size(headers, body);
            if size > limit {
                return Err(PublishError::TooLarge { size, limit });
            }
        }
        Ok(())
    }
}

impl DeadLetter for Letter {
    fn headers(&self) -> &Headers {
        &self.headers
    }

    fn body(&self) -> &Bytes {
        &self.body
    }

    fn replay(self: Box<Self>) -> BoxFuture<'static, Result<(), DeadLetterError>> {
        async move {
            let request = self.request()?;
            let link = Arc::clone(&self.connection.link);
            let (sequence, body) = (self.sequence, self.body.clone());
            let replaying = self.connection.link.runtime.spawn(async move {
                link.store(request, body).await?;
                remove(&link, sequence).await
            });
            replaying.await.map_err(DeadLetterError::unavailable)?
        }
        .boxed()
    }

    fn remove(self: Box<Self>) -> BoxFuture<'static, Result<(), DeadLetterError>> {
        async move {
            let (link, sequence) = (Arc::clone(&self.connection.link), self.sequence);
            let removing = self.connection.link.runtime.spawn(async move { remove(&link, sequence).await });
            removing.await.map_err(DeadLetterError::not_removed)?
        }
        .boxed()
    }
}

async fn remove(link: &Link, sequence: u64) -> Result<(), DeadLetterError> {
    let stream = stream(link).await.map_err(DeadLetterError::NotRemoved)?;
    match stream.delete_message(sequence).await {
        Ok(_) => Ok(()),
        // Somebody else was quicker.
        Err(error) if is_gone(&error.kind()) => Ok(()),
        Err(error) => Err(DeadLetterError::not_removed(error)),
    }
}

fn is_gone(kind: &DeleteMessageErrorKind) -> bool {
    matches!(kind, DeleteMessageErrorKind::JetStream(error) if error.error_code() == ErrorCode::NO_MESSAGE_FOUND)
}

/// On the client that there is now.
async fn stream(link: &Link) -> Result<Stream<()>, Box<dyn std::error::Error + Send + Sync>> {
    Ok(link.context().get_stream_no_info(&link.builder.names.dead_stream).await?)
}
