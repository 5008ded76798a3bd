//! Sending requests and control messages.

use std::error::Error as _;
use std::time::{Duration, Instant};

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::{HeaderMap, client, jetstream};
use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::PublishError;
use occamy_core::{BoxFuture, Error, ErrorKind, Headers};
use occamy_transport::{Address, Confirmation, Connectivity, Line};
use tokio::time::{sleep, timeout};

use crate::encoding::{MAX_HEADERS, encode, size};
use crate::link::{Link, fence};
use crate::message::MESSAGE_ID;

/// What is kept of the server's limit for the headers of a dead letter, in bytes.
const RESERVED: usize = 8 << 10;

/// Before another attempt.
const PAUSE: Duration = Duration::from_millis(100);

/// A message that can be sent as it is.
pub(crate) struct Letter {
    address: Address,
    headers: HeaderMap,
    body: Bytes,
}

impl Line for Link {
    type Letter = Letter;

    fn letter(&self, address: Address, headers: &Headers, body: Bytes) -> Result<Letter, PublishError> {
        let mut headers = encode(headers)?;
        let bytes = size(&headers, body.len());
        let limit = self.client().max_payload().saturating_sub(RESERVED);
        if bytes > limit {
            return Err(PublishError::TooLarge { size: bytes, limit });
        }
        if address == Address::Request {
            let (bytes, limit) = (size(&headers, 0), MAX_HEADERS - RESERVED);
            // Control messages are not stored.
            if bytes > limit {
                let why = format!(
                    "they have {bytes} bytes and JetStream takes at most {limit}: put what is large into the body"
                );
                return Err(PublishError::Headers(Error::new(ErrorKind::InvalidHeaders, why)));
            }
            // With it JetStream stores the message once, however often it is sent.
            headers.insert(MESSAGE_ID, uuid::Uuid::new_v4().to_string().as_str());
        }
        Ok(Letter { address, headers, body })
    }

    /// Control messages are confirmed as soon as they are written: in the outbox nobody waits to hear of it.
    fn write(&self, letter: Letter) -> BoxFuture<'_, Result<Confirmation, PublishError>> {
        async move {
            self.wait().await?;
            let Letter { address, headers, body } = letter;
            match address {
                Address::Control => {
                    self.write_control(headers, body).await?;
                    Ok(std::future::ready(Ok(())).boxed())
                }
                Address::Request => {
                    let subject = self.builder.names.request_subject.clone();
                    let written = self.context().publish_with_headers(subject, headers, body).await;
                    let stored = written.map_err(broker)?.into_future();
                    Ok(async move { stored.await.map(drop).map_err(broker) }.boxed())
                }
            }
        }
        .boxed()
    }

    fn send(&self, letter: Letter) -> BoxFuture<'_, Result<(), PublishError>> {
        async move {
            let Letter { address, headers, body } = letter;
            match address {
                Address::Request => self.store(headers, body).await,
                Address::Control => {
                    let within = self.patience();
                    let sent = async {
                        self.wait().await?;
                        self.write_control(headers, body).await?;
                        fence(&self.client(), within).await.map_err(broker)
                    };
                    timeout(within, sent).await.unwrap_or_else(|_| Err(unanswered()))
                }
            }
        }
        .boxed()
    }

    fn patience(&self) -> Duration {
        self.builder.publish_timeout
    }

    fn connectivity(&self) -> &Connectivity {
        &self.connectivity
    }

    fn hang_up(&self) -> BoxFuture<'_, bool> {
        async move {
            let heard = fence(&self.client(), self.patience()).await.is_ok();
            self.close();
            heard
        }
        .boxed()
    }
}

impl Link {
    /// Waits for a connection, for as long as a message may take.
    async fn wait(&self) -> Result<(), PublishError> {
        if self.closed.is_cancelled() {
            return Err(PublishError::Closed);
        }
        if self.connectivity.connected_within(self.patience()).await { Ok(()) } else { Err(unanswered()) }
    }

    /// Has a request stored, and sends it again until its time is over.
    pub(crate) async fn store(&self, headers: HeaderMap, body: Bytes) -> Result<(), PublishError> {
        let deadline = Instant::now() + self.patience();
        let mut last = unanswered();
        loop {
            self.wait().await?;
            let left = deadline.saturating_duration_since(Instant::now());
            let (context, subject) = (self.context(), self.builder.names.request_subject.clone());
            let sent =
                async { context.publish_with_headers(subject, headers.clone(), body.clone()).await?.await };
            match timeout(left, sent).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => {
                    use PublishErrorKind::{BrokenPipe, Other, StreamNotFound, TimedOut};
                    let passes = match error.kind() {
                        BrokenPipe | StreamNotFound | TimedOut => true,
                        // A client that has just died, unless it is the server's own word.
                        Other => !error.source().is_some_and(|source| source.is::<jetstream::Error>()),
                        _ => false,
                    };
                    last = broker(error);
                    if !passes {
                        return Err(last);
                    }
                }
                Err(_) => return Err(last),
            }
            sleep(PAUSE).await;
        }
    }

    /// Writes it, to the next client if this one has just died.
    async fn write_control(&self, headers: HeaderMap, body: Bytes) -> Result<(), PublishError> {
        let deadline = Instant::now() + self.patience();
        loop {
            let (client, subject) = (self.client(), self.builder.names.control_subject.clone());
            let written = if headers.is_empty() {
                client.publish(subject, body.clone()).await
            } else {
                client.publish_with_headers(subject, headers.clone(), body.clone()).await
            };
            match written {
                Err(error) if error.kind() == client::PublishErrorKind::Send && Instant::now() < deadline => {
                    sleep(PAUSE).await;
                }
                written => return written.map_err(broker),
            }
        }
    }
}

fn broker(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PublishError {
    PublishError::Broker(error.into())
}

fn unanswered() -> PublishError {
    broker("it could not be reached within the publish timeout")
}
