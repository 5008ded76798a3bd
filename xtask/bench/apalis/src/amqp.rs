//! apalis-amqp: a quorum queue of RabbitMQ.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::{anyhow, ensure};
use apalis::prelude::*;
use apalis_amqp::{AmqpBackend, Config};
use futures_util::future::{BoxFuture, LocalBoxFuture};
use futures_util::{FutureExt, Sink};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

use crate::tally::Tally;
use crate::{Broker, nothing};

/// What AMQP calls a message that outlives the broker.
const PERSISTENT: u8 = 2;

pub(crate) struct Amqp {
    url: String,
    name: String,
    channel: Channel,
    _connection: Connection,
}

impl Amqp {
    pub(crate) async fn open(url: &str, name: &str) -> anyhow::Result<Self> {
        // A URL without a path means the default virtual host.
        let url = if url.matches('/').count() < 3 { format!("{url}/%2f") } else { url.to_owned() };
        let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments).await?;
        Ok(Self { url, name: name.to_owned(), channel, _connection: connection })
    }
}

impl Broker for Amqp {
    fn publish(&self, body: String) -> BoxFuture<'_, anyhow::Result<()>> {
        async move {
            let json = serde_json::to_vec(&body)?;
            let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
            let (queue, options) = (self.name.as_str(), BasicPublishOptions::default());
            let published =
                self.channel.basic_publish("".into(), queue.into(), options, &json, properties).await?;
            ensure!(matches!(published.await?, Confirmation::Ack(_)), "RabbitMQ refused a message");
            Ok(())
        }
        .boxed()
    }

    fn work(&self, in_flight: u16, tally: Arc<Tally>) -> LocalBoxFuture<'_, anyhow::Result<()>> {
        async move {
            let config = Config::default().queue(self.name.as_str()).quorum(true).prefetch_count(in_flight);
            let mut backend = AmqpBackend::<String>::new_from_addr(&self.url)?.with_config(config);
            // Up to 1.0.0 a worker panics, and has no channel to acknowledge on, unless the back end has sent something. That
            // it is about to is enough.
            poll_fn(|cx| Sink::poll_ready(Pin::new(&mut backend), cx)).await?;
            let worker = WorkerBuilder::new(&*self.name)
                .backend(backend)
                .data(tally)
                .parallelize(tokio::spawn)
                .build(nothing);
            worker.run().await.map_err(|error| anyhow!("{error}"))
        }
        .boxed_local()
    }

    fn remove(&self) -> BoxFuture<'_, anyhow::Result<()>> {
        async {
            self.channel.queue_delete(self.name.as_str().into(), QueueDeleteOptions::default()).await?;
            Ok(())
        }
        .boxed()
    }
}
