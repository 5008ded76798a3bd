//! Sending requests and control messages, and what follows from requests.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use lapin::message::BasicReturnMessage;
use lapin::options::BasicPublishOptions;
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation as Confirmed};
use occamy_core::transport::PublishError;
use occamy_core::{BoxFuture, Error, ErrorKind, Headers};
use occamy_transport::{Address, Confirmation, Connectivity, Line};
use tokio::time::timeout;

use crate::desk::closed;
use crate::link::Link;
use crate::values::{encode, size};

/// What is kept of a frame for the headers of a dead letter, and for what else stands in it, in bytes.
const RESERVED: usize = 8 << 10;

/// What is kept of a frame for what else stands in it, and for what RabbitMQ adds when it delivers, in bytes.
const FRAME: usize = 256;

/// What AMQP calls a message that outlives the broker, and one that doesn't.
const PERSISTENT: u8 = 2;
const TRANSIENT: u8 = 1;

/// A message that can be sent as it is.
pub(crate) struct Letter {
    exchange: String,
    routing_key: String,
    /// Nobody to take it is an error.
    mandatory: bool,
    delivery_mode: u8,
    headers: FieldTable,
    body: Bytes,
}

impl Letter {
    /// To this queue and no other: a copy of what was a request before. Others leave no room for our headers.
    pub(crate) fn to_queue(
        link: &Link,
        queue: &str,
        headers: &Headers,
        body: &Bytes,
    ) -> Result<Self, PublishError> {
        let headers = fitting(headers, link.frame_max().saturating_sub(FRAME))?;
        Ok(Self {
            // That every queue is bound to by its name.
            exchange: String::new(),
            routing_key: queue.to_owned(),
            mandatory: true,
            delivery_mode: PERSISTENT,
            headers,
            body: body.clone(),
        })
    }

    /// Sends it over a channel, under this id, and waits for the word of RabbitMQ.
    pub(crate) async fn send(self, channel: Channel, id: ShortString) -> Result<Confirmed, lapin::Error> {
        let Self { exchange, routing_key, mandatory, delivery_mode, headers, body } = self;
        let properties = BasicProperties::default().with_delivery_mode(delivery_mode).with_message_id(id);
        let properties =
            if headers.inner().is_empty() { properties } else { properties.with_headers(headers) };
        let options = BasicPublishOptions { mandatory, ..BasicPublishOptions::default() };
        let (exchange, key) = (exchange.as_str().into(), routing_key.as_str().into());
        let confirm = channel.basic_publish(exchange, key, options, &body, properties).await?;
        // The confirmation may be long in coming.
        drop(body);
        confirm.await
    }
}

impl Line for Link {
    type Letter = Letter;

    fn letter(&self, address: Address, headers: &Headers, body: Bytes) -> Result<Letter, PublishError> {
        let (names, limit) = (&self.builder.names, self.builder.max_body);
        if body.len() > limit {
            return Err(PublishError::TooLarge { size: body.len(), limit });
        }
        let headers = fitting(headers, self.frame_max().saturating_sub(RESERVED))?;
        let (exchange, mandatory, delivery_mode) = match address {
            Address::Request => (&names.request_exchange, true, PERSISTENT),
            // Where no server is, there is nobody to hear it.
            Address::Control => (&names.control_exchange, false, TRANSIENT),
        };
        let exchange = exchange.clone();
        Ok(Letter { exchange, routing_key: String::new(), mandatory, delivery_mode, headers, body })
    }

    fn write(&self, letter: Letter) -> BoxFuture<'_, Result<Confirmation, PublishError>> {
        async move {
            let patience = self.builder.publish_timeout;
            if self.closed.is_cancelled() {
                return Err(PublishError::Closed);
            }
            if !self.connectivity.connected_within(patience).await {
                return Err(broker("RabbitMQ could not be reached within the publish timeout"));
            }
            if !self.takes_within(patience).await {
                return Err(broker("RabbitMQ takes nothing: it lacks memory or room on its disk"));
            }
            let handed_in = async { self.desk().await.map_err(broker)?.take(letter).await };
            let answer = match timeout(patience, handed_in).await {
                Ok(answer) => answer?,
                Err(_) => return Err(broker("RabbitMQ did not take it within the publish timeout")),
            };
            let confirmed: Confirmation = async move {
                match timeout(patience, answer).await {
                    Ok(Ok(confirmed)) => confirmed,
                    Ok(Err(_)) => Err(closed()),
                    Err(_) => Err(broker("RabbitMQ did not confirm it within the publish timeout")),
                }
            }
            .boxed();
            Ok(confirmed)
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
            self.closing.cancel();
            self.closed.cancelled().await;
            self.heard.load(Ordering::Relaxed)
        }
        .boxed()
    }
}

/// Headers as they are sent. RabbitMQ closes the connection over more than a frame has room for.
fn fitting(headers: &Headers, room: usize) -> Result<FieldTable, PublishError> {
    let headers = encode(headers)?;
    let bytes = size(&headers);
    if bytes <= room {
        return Ok(headers);
    }
    let why = format!(
        "they have {bytes} bytes, and a frame of RabbitMQ's has room for {room}: put what is large into the body, or raise \
         `frame_max`"
    );
    Err(PublishError::Headers(Error::new(ErrorKind::InvalidHeaders, why)))
}

pub(crate) fn unroutable(returned: &BasicReturnMessage) -> PublishError {
    let (exchange, key) = (returned.delivery.exchange.as_str(), returned.delivery.routing_key.as_str());
    let why = returned.reply_text.as_str();
    // The exchange without a name leads to the queue that is called like the key.
    broker(if exchange.is_empty() {
        format!("no queue takes it ({why}): {key:?} is gone, and is declared when a server connects")
    } else {
        format!(
            "no queue takes it ({why}): bind one to the exchange {exchange:?}, or start a server, which does"
        )
    })
}

pub(crate) fn broker(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PublishError {
    PublishError::Broker(error.into())
}
