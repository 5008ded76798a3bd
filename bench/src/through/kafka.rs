//! Kafka: a topic and the group that reads it.

mod commits;

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::BoxFuture;
use occamy_core::transport::Transport;
use occamy_kafka::{KafkaBuilder, KafkaTransport, Names};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message};
use tokio::sync::Semaphore;

use super::broker::Broker;
use super::tally::Tally;
use commits::Commits;

pub(super) struct Kafka {
    config: ClientConfig,
    builder: KafkaBuilder,
    names: Names,
    producer: FutureProducer,
}

impl Kafka {
    pub(super) async fn open(url: &str, service: &str) -> anyhow::Result<Self> {
        let builder = KafkaTransport::builder(service).url(url);
        builder.clone().connect().await?.close().await?;
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", url.strip_prefix("kafka://").unwrap_or(url));
        // Requests that come alone are not held back for company.
        let producer = config.clone().set("linger.ms", "0").create()?;
        Ok(Self { config, builder, names: Names::of(service), producer })
    }
}

impl Broker for Kafka {
    fn publish(&self, body: Bytes) -> BoxFuture<'_, anyhow::Result<()>> {
        async move {
            let record = FutureRecord::<(), _>::to(&self.names.request_topic).payload(&body[..]);
            let sent = self.producer.send(record, Duration::from_secs(10)).await;
            sent.map(drop).map_err(|(error, _)| error.into())
        }
        .boxed()
    }

    fn transport(&self) -> BoxFuture<'_, anyhow::Result<Box<dyn Transport>>> {
        async { Ok(Box::new(self.builder.clone().connect().await?) as Box<dyn Transport>) }.boxed()
    }

    fn consume(&self, in_flight: u16, tally: Arc<Tally>) -> BoxFuture<'_, anyhow::Result<()>> {
        async move {
            let mut config = self.config.clone();
            config
                .set("group.id", &self.names.group)
                .set("enable.auto.commit", "false")
                .set("auto.offset.reset", "earliest");
            let consumer: Arc<StreamConsumer> = Arc::new(config.create()?);
            consumer.subscribe(&[&self.names.request_topic])?;
            let commits = Commits::new(Arc::clone(&consumer), &self.names.request_topic, Arc::clone(&tally));
            // As many again may be done and wait for their commit, as with ours.
            let room = Arc::new(Semaphore::new(2 * usize::from(in_flight)));
            let consumed = async {
                loop {
                    // Given back by the commit.
                    let place = Arc::clone(&room).acquire_owned().await?;
                    let message = consumer.recv().await?.detach();
                    let record = commits.take(&message, place);
                    let (commits, tally) = (commits.clone(), Arc::clone(&tally));
                    tokio::spawn(async move {
                        tally.started(message.payload().unwrap_or_default());
                        commits.finish(record);
                    });
                }
            };
            tokio::select! {
                ended = consumed => ended,
                ended = commits.run() => ended,
            }
        }
        .boxed()
    }

    fn remove(&self) -> BoxFuture<'_, anyhow::Result<()>> {
        async {
            let admin: AdminClient<DefaultClientContext> = self.config.create()?;
            let (names, options) = (&self.names, AdminOptions::new());
            let topics: [&str; 3] = [&names.request_topic, &names.control_topic, &names.dead_topic];
            for deleted in admin.delete_topics(&topics, &options).await? {
                deleted.map_err(|(topic, error)| anyhow!("{topic}: {error}"))?;
            }
            // A group with a member that has not left yet stays, and expires.
            admin.delete_groups(&[&names.group], &options).await?;
            Ok(())
        }
        .boxed()
    }
}
