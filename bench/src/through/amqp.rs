//! RabbitMQ: a quorum queue, as our transport declares it.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    ExchangeDeleteOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use occamy_amqp::{AmqpBuilder, AmqpTransport, Names};
use occamy_core::BoxFuture;
use occamy_core::transport::Transport;

use super::broker::Broker;
use super::tally::Tally;

/// What AMQP calls a message that outlives the broker.
const PERSISTENT: u8 = 2;

pub(super) struct Amqp {
    url: String,
    builder: AmqpBuilder,
    names: Names,
    channel: Channel,
    _connection: Connection,
}

impl Amqp {
    pub(super) async fn open(url: &str, service: &str) -> anyhow::Result<Self> {
        let builder = AmqpTransport::builder(service).url(url);
        builder.clone().connect().await?.close().await?;
        let connection = connect(url).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self { url: url.to_owned(), builder, names: Names::of(service), channel, _connection: connection })
    }
}

async fn connect(url: &str) -> anyhow::Result<Connection> {
    // A URL without a path means the default virtual host.
    let url = if url.matches('/').count() < 3 { format!("{url}/%2f") } else { url.to_owned() };
    Ok(Connection::connect(&url, ConnectionProperties::default()).await?)
}

impl Broker for Amqp {
    fn publish(&self, body: Bytes) -> BoxFuture<'_, anyhow::Result<()>> {
        async move {
            let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
            let (exchange, options) = (self.names.request_exchange.as_str(), BasicPublishOptions::default());
            let published =
                self.channel.basic_publish(exchange.into(), "".into(), options, &body, properties).await?;
            anyhow::ensure!(matches!(published.await?, Confirmation::Ack(_)), "RabbitMQ refused a message");
            Ok(())
        }
        .boxed()
    }

    fn transport(&self) -> BoxFuture<'_, anyhow::Result<Box<dyn Transport>>> {
        async { Ok(Box::new(self.builder.clone().connect().await?) as Box<dyn Transport>) }.boxed()
    }

    fn consume(&self, in_flight: u16, tally: Arc<Tally>) -> BoxFuture<'_, anyhow::Result<()>> {
        async move {
            let connection = connect(&self.url).await?;
            let channel = connection.create_channel().await?;
            channel.basic_qos(in_flight, BasicQosOptions::default()).await?;
            let (queue, options) = (self.names.request_queue.as_str(), BasicConsumeOptions::default());
            let mut deliveries =
                channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await?;
            while let Some(delivery) = deliveries.next().await {
                tokio::spawn(one(delivery?, Arc::clone(&tally)));
            }
            anyhow::bail!("RabbitMQ delivers nothing more")
        }
        .boxed()
    }

    fn remove(&self) -> BoxFuture<'_, anyhow::Result<()>> {
        async {
            for queue in [&self.names.request_queue, &self.names.dead_queue] {
                self.channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await?;
            }
            for exchange in [&self.names.request_exchange, &self.names.control_exchange] {
                self.channel
                    .exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default())
                    .await?;
            }
            Ok(())
        }
        .boxed()
    }
}

/// Does nothing, and waits until the acknowledgement is written: there is no answer to it.
async fn one(delivery: Delivery, tally: Arc<Tally>) {
    tally.started(&delivery.data);
    match delivery.acker.ack(BasicAckOptions::default()).await {
        Ok(true) => tally.settled(),
        _ => tally.not_done(),
    }
}
