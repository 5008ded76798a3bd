//! apalis-nats: a stream of JetStream with a pull consumer. It publishes acknowledgements and waits for no answer.

use std::sync::Arc;

use anyhow::anyhow;
use apalis::prelude::*;
use apalis_nats::{Config, NatsJetStream};
use async_nats::jetstream::consumer::AckPolicy;
use async_nats::jetstream::stream::RetentionPolicy;
use async_nats::jetstream::{self, Context};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, LocalBoxFuture};

use crate::tally::Tally;
use crate::{Broker, nothing};

pub(crate) struct Nats {
    url: String,
    name: String,
    context: Context,
}

impl Nats {
    pub(crate) async fn open(url: &str, name: &str) -> anyhow::Result<Self> {
        let context = jetstream::new(async_nats::connect(url).await?);
        let stream = jetstream::stream::Config {
            name: name.to_owned(),
            // Acknowledged is gone.
            retention: RetentionPolicy::WorkQueue,
            ..Default::default()
        };
        context.create_stream(stream).await?;
        Ok(Self { url: url.to_owned(), name: name.to_owned(), context })
    }
}

impl Broker for Nats {
    fn publish(&self, body: String) -> BoxFuture<'_, anyhow::Result<()>> {
        async move {
            let json = serde_json::to_vec(&body)?;
            self.context.publish(self.name.clone(), json.into()).await?.await?;
            Ok(())
        }
        .boxed()
    }

    fn work(&self, in_flight: u16, tally: Arc<Tally>) -> LocalBoxFuture<'_, anyhow::Result<()>> {
        async move {
            let client = async_nats::connect(&self.url).await?;
            let config = Config::new(&self.name)
                .with_pull_consumer()
                .durable()
                .with_ack_policy(AckPolicy::Explicit)
                .with_max_ack_pending(2 * i64::from(in_flight));
            let backend = NatsJetStream::<String, _>::new(client).with_config(config);
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
            self.context.delete_stream(&self.name).await?;
            Ok(())
        }
        .boxed()
    }
}
