//! Sending requests and control messages.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::{PublishError, Publisher};
use occamy_core::{BoxFuture, Error, ErrorKind, Headers};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::encoding::{MAX_HEADERS, encode, size};
use crate::link::{Link, fence};
use crate::message::MESSAGE_ID;

/// What is kept of the server's limit for the headers of a dead letter, in bytes.
const RESERVED: usize = 8 << 10;

/// Whom a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// One server.
    Request,
    /// Every server.
    Control,
}

/// A message that can be sent as it is.
#[derive(Clone)]
pub(crate) struct Letter {
    pub(crate) address: Address,
    headers: HeaderMap,
    body: Bytes,
}

/// Sends through a connection.
pub(crate) struct NatsPublisher {
    link: Arc<Link>,
    outbox: mpsc::Sender<Letter>,
}

impl NatsPublisher {
    pub(crate) fn new(link: Arc<Link>, outbox: mpsc::Sender<Letter>) -> Self {
        Self { link, outbox }
    }

    fn publish(
        &self,
        address: Address,
        headers: &Headers,
        body: Bytes,
    ) -> BoxFuture<'static, Result<(), PublishError>> {
        let letter = match self.letter(address, headers, body) {
            Ok(letter) => letter,
            Err(error) => return std::future::ready(Err(error)).boxed(),
        };
        let link = Arc::clone(&self.link);
        async move {
            // Over there is a timer, whatever this is polled on.
            let sending = link.runtime.spawn({
                let link = Arc::clone(&link);
                async move { link.send(letter).await }
            });
            sending.await.unwrap_or(Err(PublishError::Closed))
        }
        .boxed()
    }

    fn post(&self, address: Address, headers: &Headers, body: Bytes) -> Result<(), PublishError> {
        let letter = self.letter(address, headers, body)?;
        self.outbox.try_send(letter).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => PublishError::Full,
            mpsc::error::TrySendError::Closed(_) => PublishError::Closed,
        })
    }

    fn letter(&self, address: Address, headers: &Headers, body: Bytes) -> Result<Letter, PublishError> {
        let headers = encode(headers)?;
        let size = size(&headers, body.len());
        let limit = self.link.client().max_payload().saturating_sub(RESERVED);
        if size > limit {
            return Err(PublishError::TooLarge { size, limit });
        }
        // Control messages are not stored.
        let (size, limit) = (size - body.len(), MAX_HEADERS - RESERVED);
        if address == Address::Request && size > limit {
            let why = format!(
                "they have {size} bytes and JetStream takes at most {limit}: put what is large into the body"
            );
            return Err(PublishError::Headers(Error::new(ErrorKind::InvalidHeaders, why)));
        }
        Ok(Letter { address, headers, body })
    }
}

impl Publisher for NatsPublisher {
    fn request(&self, headers: Headers, body: Bytes) -> BoxFuture<'static, Result<(), PublishError>> {
        self.publish(Address::Request, &headers, body)
    }

    fn control(&self, headers: Headers, body: Bytes) -> BoxFuture<'static, Result<(), PublishError>> {
        self.publish(Address::Control, &headers, body)
    }

    fn try_request(&self, headers: Headers, body: Bytes) -> Result<(), PublishError> {
        self.post(Address::Request, &headers, body)
    }

    fn try_control(&self, headers: Headers, body: Bytes) -> Result<(), PublishError> {
        self.post(Address::Control, &headers, body)
    }
}

impl Link {
    /// Sends a message and waits until the broker has it, within the timeout.
    pub(crate) async fn send(&self, letter: Letter) -> Result<(), PublishError> {
        if self.shelf().closed {
            return Err(PublishError::Closed);
        }
        match letter.address {
            Address::Request => self.send_request(letter).await,
            Address::Control => {
                let within = self.builder.publish_timeout;
                let sent = async {
                    self.write_control(letter).await?;
                    fence(&self.client(), within).await.map_err(broker)
                };
                timeout(within, sent).await.unwrap_or_else(|_| Err(unanswered()))
            }
        }
    }

    /// JetStream stores it once, however often it is sent: see [`Request::store`](crate::message::Request).
    async fn send_request(&self, letter: Letter) -> Result<(), PublishError> {
        const PAUSE: Duration = Duration::from_millis(100);
        let deadline = Instant::now() + self.builder.publish_timeout;
        let Letter { mut headers, body, .. } = letter;
        headers.insert(MESSAGE_ID, uuid::Uuid::new_v4().to_string().as_str());
        let mut last = unanswered();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || !self.connected_within(left).await {
                return Err(last);
            }
            let (context, subject) = (self.context(), self.builder.names.request_subject.clone());
            let sent =
                async { context.publish_with_headers(subject, headers.clone(), body.clone()).await?.await };
            match timeout(left, sent).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => {
                    use async_nats::jetstream::context::PublishErrorKind::{
                        BrokenPipe, StreamNotFound, TimedOut,
                    };
                    let passes = matches!(error.kind(), BrokenPipe | StreamNotFound | TimedOut);
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

    /// Writes a control message to the connection, once there is one.
    pub(crate) async fn write_control(&self, letter: Letter) -> Result<(), PublishError> {
        if !self.connected_within(self.builder.publish_timeout).await {
            return Err(unanswered());
        }
        let (client, subject) = (self.client(), self.builder.names.control_subject.clone());
        let Letter { headers, body, .. } = letter;
        let written = if headers.is_empty() {
            client.publish(subject, body).await
        } else {
            client.publish_with_headers(subject, headers, body).await
        };
        written.map_err(broker)
    }
}

fn broker(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PublishError {
    PublishError::Broker(error.into())
}

pub(crate) fn unanswered() -> PublishError {
    broker("it could not be reached within the publish timeout")
}
