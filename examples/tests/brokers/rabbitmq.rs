//! A service as RabbitMQ itself shows it.

use std::time::Duration;

use lapin::options::{BasicGetOptions, ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties};

use crate::service::{DeadLetter, Service};

pub(crate) async fn dead_letter(service: &Service) -> DeadLetter {
    let (_connection, channel) = open(service).await;
    let queue = format!("{}-dead", service.name);
    let got = loop {
        let options = BasicGetOptions { no_ack: true };
        if let Some(got) = channel.basic_get(queue.as_str().into(), options).await.unwrap() {
            break got.delivery;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let headers = got.properties.headers().iter().flat_map(FieldTable::inner);
    let texts = headers.filter_map(|(name, value)| match value {
        AMQPValue::LongString(text) => Some((name.to_string(), text.to_string())),
        _ => None,
    });
    DeadLetter { headers: texts.collect(), body: String::from_utf8(got.data).unwrap() }
}

/// Running ones are not counted.
pub(crate) async fn requests(service: &Service) -> u64 {
    let (_connection, channel) = open(service).await;
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let queue = format!("{}-request", service.name);
    let declared = channel.queue_declare(queue.as_str().into(), options, FieldTable::default()).await;
    declared.unwrap().message_count().into()
}

pub(crate) async fn delete(service: &Service) {
    let (_connection, channel) = open(service).await;
    for queue in ["request", "dead"] {
        let queue = format!("{}-{queue}", service.name);
        channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    }
    for exchange in ["request", "control"] {
        let exchange = format!("{}-{exchange}", service.name);
        channel.exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default()).await.unwrap();
    }
}

/// The connection ends when it is dropped.
async fn open(service: &Service) -> (Connection, Channel) {
    let connection = Connection::connect(&service.url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}
