//! Through a broker: requests that wait there are consumed and settled, by us or by a bare client.

mod amqp;
mod broker;
mod kafka;
mod nats;
mod ours;
mod tally;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use clap::ValueEnum;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio_util::sync::CancellationToken;

use crate::kind::Kind;
use crate::record::{Record, per_second};
use broker::Broker;
use tally::Tally;

#[derive(clap::Args)]
pub(crate) struct Options {
    #[arg(long)]
    broker: Name,
    #[arg(long, default_value = "occamy")]
    with: With,
    /// Where our tasks run
    #[arg(long, default_value = "async")]
    kind: Kind,
    #[arg(long)]
    requests: usize,
    /// How many requests are delivered and not settled at most: our slots
    #[arg(long)]
    in_flight: u16,
    /// Publish each when the one before it is settled, and measure how soon its task starts
    #[arg(long)]
    one_by_one: bool,
    /// How many of our slots expansion leaves empty: with all but one, no task is ever asked for assistants
    #[arg(long, default_value_t = 0)]
    buffer: usize,
}

/// Which broker. Where it is stands in a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    /// NATS, at OCCAMY_NATS_URL
    Nats,
    /// RabbitMQ, at OCCAMY_AMQP_URL
    Amqp,
    /// Kafka, at OCCAMY_KAFKA_URL
    Kafka,
}

/// Who consumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum With {
    /// A server of ours
    Occamy,
    /// The broker's client, which spawns a future for each message
    Client,
}

/// How long nothing is done before a request that comes alone: both sides have asked for the next by then.
const PAUSE: Duration = Duration::from_millis(2);
/// How many requests come alone before anything is measured.
const WARM_UP: usize = 20;
/// How many requests are published and not confirmed, while the queue is filled.
const WINDOW: usize = 1_000;

pub(crate) async fn run(options: &Options) -> anyhow::Result<Record> {
    let service = format!("occamy-bench-{}-{:x}", std::process::id(), fastrand::u32(..));
    let broker: Arc<dyn Broker> = match options.broker {
        Name::Nats => Arc::new(nats::Nats::open(&url("OCCAMY_NATS_URL")?, &service).await?),
        Name::Amqp => Arc::new(amqp::Amqp::open(&url("OCCAMY_AMQP_URL")?, &service).await?),
        Name::Kafka => Arc::new(kafka::Kafka::open(&url("OCCAMY_KAFKA_URL")?, &service).await?),
    };
    let measured = measure(&broker, options).await;
    // Though something went wrong, nothing is to be left at the broker.
    if let Err(error) = broker.remove().await {
        eprintln!("{service} is left at the broker: {error:#}");
    }
    measured
}

fn url(variable: &str) -> anyhow::Result<String> {
    std::env::var(variable).with_context(|| format!("{variable} says where the broker is"))
}

async fn measure(broker: &Arc<dyn Broker>, options: &Options) -> anyhow::Result<Record> {
    let tally = Arc::new(Tally::default());
    if options.one_by_one {
        let mut consuming = Consuming::start(broker, options, &tally);
        consuming.unless_it_fails(one_by_one(&**broker, options.requests, &tally)).await?;
        consuming.end().await?;
        let starts = tally.starts();
        ensure!(starts.len() == options.requests, "{} requests have started", starts.len());
        Ok(Record::default().samples("start", &starts).refused(tally.refused()))
    } else {
        fill(&**broker, options.requests).await?;
        tally.expect(options.requests);
        let mut consuming = Consuming::start(broker, options, &tally);
        let took = consuming.unless_it_fails(async { Ok(tally.done().await) }).await?;
        consuming.end().await?;
        let rate = per_second(options.requests, took);
        Ok(Record::default().figure("per_second", rate).refused(tally.refused()))
    }
}

/// Publishes all requests, and returns when all are confirmed.
async fn fill(broker: &dyn Broker, requests: usize) -> anyhow::Result<()> {
    let published = stream::iter(0..requests).map(|_| broker.publish(Tally::unstamped()));
    published.buffer_unordered(WINDOW).try_collect::<()>().await.context("fill the queue")
}

async fn one_by_one(broker: &dyn Broker, requests: usize, tally: &Tally) -> anyhow::Result<()> {
    let publish = async |body: Bytes| {
        tally.expect(1);
        broker.publish(body).await?;
        tally.done().await;
        tokio::time::sleep(PAUSE).await;
        anyhow::Ok(())
    };
    for _ in 0..WARM_UP {
        publish(Tally::unstamped()).await?;
    }
    for _ in 0..requests {
        publish(tally.stamped()).await?;
    }
    Ok(())
}

/// Who consumes, at work.
struct Consuming {
    task: tokio::task::JoinHandle<anyhow::Result<()>>,
    stop: CancellationToken,
}

impl Consuming {
    fn start(broker: &Arc<dyn Broker>, options: &Options, tally: &Arc<Tally>) -> Self {
        let stop = CancellationToken::new();
        let (broker, tally, stopped) = (Arc::clone(broker), Arc::clone(tally), stop.clone());
        let in_flight = options.in_flight;
        let task = match options.with {
            With::Occamy => {
                let settings =
                    ours::Settings { kind: options.kind, slots: in_flight.into(), buffer: options.buffer };
                tokio::spawn(async move { ours::serve(&*broker, &settings, tally, stopped).await })
            }
            With::Client => tokio::spawn(async move {
                let consumed = broker.consume(in_flight, tally);
                stopped.run_until_cancelled(consumed).await.unwrap_or(Ok(()))
            }),
        };
        Self { task, stop }
    }

    /// Who consumes does not end by itself, but for an error.
    async fn unless_it_fails<T>(
        &mut self,
        other: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        tokio::select! {
            done = other => done,
            ended = &mut self.task => {
                ended??;
                anyhow::bail!("nothing is consumed any more")
            }
        }
    }

    async fn end(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.task.await?
    }
}
