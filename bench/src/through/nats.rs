//! NATS: a stream that JetStream keeps.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::{self, Context};
use async_nats::{Client, Subject};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use occamy_core::BoxFuture;
use occamy_core::transport::Transport;
use occamy_nats::{Names, NatsBuilder, NatsTransport};

use super::broker::Broker;
use super::tally::Tally;

const ACKNOWLEDGED: Bytes = Bytes::from_static(b"+ACK");

pub(super) struct Nats {
    url: String,
    builder: NatsBuilder,
    names: Names,
    context: Context,
}

impl Nats {
    pub(super) async fn open(url: &str, service: &str) -> anyhow::Result<Self> {
        let builder = NatsTransport::builder(service).url(url);
        builder.clone().connect().await?.close().await?;
        let context = jetstream::new(async_nats::connect(url).await?);
        Ok(Self { url: url.to_owned(), builder, names: Names::of(service), context })
    }

    /// Our consumer, of which no more than twice this may be unacknowledged: as many again are done, as with ours.
    async fn bounded(&self, client: Client, in_flight: u16) -> anyhow::Result<PullConsumer> {
        let config = pull::Config {
            durable_name: Some(self.names.consumer.clone()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: Duration::from_secs(30),
            max_deliver: -1,
            max_ack_pending: 2 * i64::from(in_flight),
            max_waiting: 65_536,
            ..pull::Config::default()
        };
        let context = jetstream::new(client);
        Ok(context.create_consumer_on_stream(config, &self.names.request_stream).await?)
    }
}

impl Broker for Nats {
    fn publish(&self, body: Bytes) -> BoxFuture<'_, anyhow::Result<()>> {
        async {
            self.context.publish(self.names.request_subject.clone(), body).await?.await?;
            Ok(())
        }
        .boxed()
    }

    fn transport(&self) -> BoxFuture<'_, anyhow::Result<Box<dyn Transport>>> {
        async { Ok(Box::new(self.builder.clone().connect().await?) as Box<dyn Transport>) }.boxed()
    }

    fn consume(&self, in_flight: u16, tally: Arc<Tally>) -> BoxFuture<'_, anyhow::Result<()>> {
        async move {
            let client = async_nats::connect(&self.url).await?;
            let consumer = self.bounded(client.clone(), in_flight).await?;
            let mut messages = consumer.stream().max_messages_per_batch(in_flight.into()).messages().await?;
            while let Some(message) = messages.next().await {
                let message = message?.message;
                let reply = message.reply.context("a message that nobody asks to acknowledge")?;
                tokio::spawn(one(client.clone(), reply, message.payload, Arc::clone(&tally)));
            }
            anyhow::bail!("NATS delivers nothing more")
        }
        .boxed()
    }

    fn remove(&self) -> BoxFuture<'_, anyhow::Result<()>> {
        async {
            for stream in [&self.names.request_stream, &self.names.dead_stream] {
                self.context.delete_stream(stream).await?;
            }
            Ok(())
        }
        .boxed()
    }
}

/// Does nothing, and waits until JetStream has answered that it is acknowledged.
async fn one(client: Client, reply: Subject, body: Bytes, tally: Arc<Tally>) {
    tally.started(&body);
    match client.request(reply, ACKNOWLEDGED).await {
        Ok(_) => tally.settled(),
        Err(_) => tally.not_done(),
    }
}
