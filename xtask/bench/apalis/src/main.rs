//! apalis through a broker: consumes and settles requests that do nothing.
//!
//! Takes the options of `occamy-bench through` that make sense here, and prints the same JSON: `bench/README.md` says what
//! is measured.

mod amqp;
mod nats;
mod tally;

use std::process::exit;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use apalis::prelude::BoxDynError;
use clap::{Parser, Subcommand, ValueEnum};
use futures_util::future::{BoxFuture, LocalBoxFuture};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use tally::Tally;

/// Runs one benchmark once, and prints what it measured as one line of JSON.
#[derive(Parser)]
struct Options {
    /// End with an error after so many seconds
    #[arg(long, default_value_t = 120)]
    limit: u64,
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Subcommand)]
enum Benchmark {
    Through(Through),
}

#[derive(clap::Args)]
struct Through {
    #[arg(long)]
    broker: Name,
    #[arg(long)]
    requests: usize,
    #[arg(long)]
    in_flight: u16,
    #[arg(long)]
    one_by_one: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    Nats,
    Amqp,
}

/// The queue at one broker.
trait Broker: Send + Sync {
    /// Publishes a request, without apalis. Resolves when it is confirmed.
    fn publish(&self, body: String) -> BoxFuture<'_, anyhow::Result<()>>;
    /// Runs a worker, of which so many requests are unsettled at most. Does not end but for an error. Like apalis's own
    /// examples it runs on the main thread, since its future is not provably `Send`; its tasks do not.
    fn work(&self, in_flight: u16, tally: Arc<Tally>) -> LocalBoxFuture<'_, anyhow::Result<()>>;
    fn remove(&self) -> BoxFuture<'_, anyhow::Result<()>>;
}

/// How long nothing is done before a request that comes alone, and how many come before anything is measured.
const PAUSE: Duration = Duration::from_millis(2);
const WARM_UP: usize = 20;
/// How many requests are published and not confirmed, while the queue is filled.
const WINDOW: usize = 1_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Options { limit, benchmark: Benchmark::Through(options) } = Options::parse();
    thread::spawn(move || {
        thread::sleep(Duration::from_secs(limit));
        eprintln!("not done within {limit} s");
        exit(3);
    });
    let name = format!("occamy-bench-apalis-{}", std::process::id());
    let broker: Box<dyn Broker> = match options.broker {
        Name::Nats => Box::new(nats::Nats::open(&url("OCCAMY_NATS_URL")?, &name).await?),
        Name::Amqp => Box::new(amqp::Amqp::open(&url("OCCAMY_AMQP_URL")?, &name).await?),
    };
    let measured = measure(&*broker, &options).await;
    if let Err(error) = broker.remove().await {
        eprintln!("{name} is left at the broker: {error:#}");
    }
    println!("{}", measured?);
    Ok(())
}

fn url(variable: &str) -> anyhow::Result<String> {
    std::env::var(variable).with_context(|| format!("{variable} says where the broker is"))
}

async fn measure(broker: &dyn Broker, options: &Through) -> anyhow::Result<serde_json::Value> {
    let &Through { requests, in_flight, one_by_one, .. } = options;
    let tally = Arc::new(Tally::default());
    if one_by_one {
        let timed = async {
            for number in 0..WARM_UP + requests {
                let body = if number < WARM_UP { Tally::unstamped() } else { tally.stamped() };
                tally.expect(1);
                broker.publish(body).await?;
                tally.done().await;
                tokio::time::sleep(PAUSE).await;
            }
            Ok(tally.starts())
        };
        let starts = beside(broker, in_flight, &tally, timed).await?;
        ensure!(starts.len() == requests, "{} requests have started", starts.len());
        Ok(json!({"figures": {}, "samples": {"start": starts}, "refused": 0}))
    } else {
        let published = stream::iter(0..requests).map(|_| broker.publish(Tally::unstamped()));
        published.buffer_unordered(WINDOW).try_collect::<()>().await.context("fill the queue")?;
        tally.expect(requests);
        let took = beside(broker, in_flight, &tally, async { Ok(tally.done().await) }).await?;
        let rate = requests as f64 / took.as_secs_f64();
        Ok(json!({"figures": {"per_second": rate}, "samples": {}, "refused": 0}))
    }
}

/// Does this while a worker works.
async fn beside<T>(
    broker: &dyn Broker,
    in_flight: u16,
    tally: &Arc<Tally>,
    other: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    tokio::select! {
        done = other => done,
        ended = broker.work(in_flight, Arc::clone(tally)) => {
            ended?;
            bail!("the worker has ended")
        }
    }
}

/// The task.
async fn nothing(body: String, tally: apalis::prelude::Data<Arc<Tally>>) -> Result<(), BoxDynError> {
    tally.started(&body);
    Ok(())
}
