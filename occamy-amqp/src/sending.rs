//! Sending requests and control messages, and what follows from requests.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use lapin::message::BasicReturnMessage;
use lapin::options::BasicPublishOptions;
use lapin::types::FieldTable;
use lapin::{BasicProperties, Confirmation as Confirmed};
use occamy_core::transport::PublishError;
use occamy_core::{BoxFuture, Error, ErrorKind, Headers};
use occamy_transport::{Address, Confirmation, Connectivity, Line};
use tokio::time::timeout;

use crate::link::Link;
use crate::values::{encode, size};

/// What is kept of a frame for the headers of a dead letter, and for what else stands in it, in bytes.
const RESERVED: usize = 8 << 10;

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
    /// To this queue and no other: a copy of what was a request before.
    pub(crate) fn to_queue(queue: &str, headers: &Headers, body: &Bytes) -> Result<Self, PublishError> {
        Ok(Self {
            // That every queue is bound to by its name.
            exchange: String::new(),
            routing_key: queue.to_owned(),
            mandatory: true,
            delivery_mode: PERSISTENT,
            headers: encode(headers)?,
            body: body.clone(),
        })
    }
}

impl Line for Link {
    type Letter = Letter;

    fn letter(&self, address: Address, headers: &Headers, body: Bytes) -> Result<Letter, PublishError> {
        let (names, limit) = (&self.builder.names, self.builder.max_body);
        if body.len() > limit {
            return Err(PublishError::TooLarge { size: body.len(), limit });
        }
        let headers = encode(headers)?;
        let (bytes, room) = (size(&headers), self.frame_max().saturating_sub(RESERVED));
        if bytes > room {
            let why = format!(
                "they have {bytes} bytes, and a frame of RabbitMQ's has room for {room}: put what is large into the \
                 body, or raise `frame_max`"
            );
            return Err(PublishError::Headers(Error::new(ErrorKind::InvalidHeaders, why)));
        }
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
            let Letter { exchange, routing_key, mandatory, delivery_mode, headers, body } = letter;
            let properties = BasicProperties::default().with_delivery_mode(delivery_mode);
            let properties =
                if headers.inner().is_empty() { properties } else { properties.with_headers(headers) };
            let written = async {
                let options = BasicPublishOptions { mandatory, ..BasicPublishOptions::default() };
                let (exchange, key) = (exchange.as_str().into(), routing_key.as_str().into());
                self.sending().await?.basic_publish(exchange, key, options, &body, properties).await
            };
            let confirm = match timeout(patience, written).await {
                Ok(written) => written.map_err(broker)?,
                Err(_) => return Err(broker("RabbitMQ did not take it within the publish timeout")),
            };
            let confirmed: Confirmation = async move {
                match timeout(patience, confirm).await {
                    Ok(Ok(Confirmed::Ack(None) | Confirmed::NotRequested)) => Ok(()),
                    Ok(Ok(Confirmed::Ack(Some(returned)))) => Err(unroutable(&returned)),
                    Ok(Ok(Confirmed::Nack(_))) => {
                        Err(broker("RabbitMQ refused it: a queue is full, or down"))
                    }
                    Ok(Err(error)) => Err(broker(error)),
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

fn unroutable(returned: &BasicReturnMessage) -> PublishError {
    let (exchange, why) = (&returned.delivery.exchange, &returned.reply_text);
    broker(format!(
        "no queue takes it ({why}): bind one to the exchange {exchange:?}, or start a server, which does"
    ))
}

fn broker(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PublishError {
    PublishError::Broker(error.into())
}
