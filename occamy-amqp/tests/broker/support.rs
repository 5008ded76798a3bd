//! A service of a test's own on the shared server.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use lapin::message::BasicGetMessage;
use lapin::options::{BasicGetOptions, ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::{Channel, Connection, ConnectionProperties};
use occamy_amqp::{AmqpBuilder, AmqpTransport};
use occamy_core::transport::{RequestStream, Transport};
use occamy_core::{Headers, Message};
use tokio::time::{sleep, timeout};

use crate::common;

/// How long whatever should happen at once may take on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A service that nobody else has.
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
}

impl Service {
    pub(crate) fn new(test: &str) -> Option<Self> {
        let address = common::address()?.parse().unwrap();
        let nonce = uuid::Uuid::new_v4().simple().to_string();
        Some(Self { name: format!("test-{test}-{}", &nonce[..8]), address })
    }

    pub(crate) fn builder(&self) -> AmqpBuilder {
        AmqpTransport::builder(&self.name).url(format!("amqp://{}", self.address))
    }

    pub(crate) async fn connect(&self) -> AmqpTransport {
        self.builder().connect().await.unwrap()
    }

    /// A channel, past the transport.
    pub(crate) async fn channel(&self) -> Channel {
        let url = format!("amqp://{}", self.address);
        let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
        connection.create_channel().await.unwrap()
    }

    /// The next dead letter, as it is stored.
    pub(crate) async fn dead_letter(&self) -> BasicGetMessage {
        let (channel, queue) = (self.channel().await, format!("{}-dead", self.name));
        let got = async {
            loop {
                let options = BasicGetOptions { no_ack: true };
                if let Some(message) = channel.basic_get(queue.as_str().into(), options).await.unwrap() {
                    return message;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(SOON, got).await.expect("a dead letter")
    }

    pub(crate) async fn clean_up(self) {
        let channel = self.channel().await;
        for name in ["request", "control", "dead"] {
            let name = format!("{}-{name}", self.name);
            channel.queue_delete(name.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
            channel.exchange_delete(name.as_str().into(), ExchangeDeleteOptions::default()).await.unwrap();
        }
    }
}

/// The next request.
pub(crate) async fn take(requests: &mut Box<dyn RequestStream>, credit: usize) -> Box<dyn Message> {
    timeout(SOON, requests.next(credit)).await.expect("a request").unwrap().unwrap()
}

pub(crate) async fn send(transport: &AmqpTransport, body: &str) {
    transport.publisher().request(Headers::new(), Bytes::from(body.to_owned())).await.unwrap();
}
