//! Servers that join and leave all the time, while others work.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use occamy_core::transport::{RequestStream, Transport};
use occamy_core::{Headers, Message, Verdict};
use occamy_kafka::KafkaTransport;
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::common;

const REQUESTS: usize = 10_000;
/// How often a server joins or leaves, and for how long.
const EVERY: Duration = Duration::from_millis(500);
const LASTS: Duration = Duration::from_secs(60);
/// How many servers stay, how many there are at most, and what each runs at a time.
const STAY: usize = 2;
const SERVERS: usize = 4;
const SLOTS: usize = 4;
/// How long it may take until all is done afterwards.
const AFTER: Duration = Duration::from_secs(120);

/// How often each request has run to its end.
#[derive(Clone, Default)]
struct Runs(Arc<Mutex<BTreeMap<String, usize>>>);

impl Runs {
    fn ended(&self, body: &Bytes) {
        let body = String::from_utf8(body.to_vec()).unwrap();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(body).or_default() += 1;
    }

    fn different(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn total(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_or_skipped_in_a_storm_of_rebalances() {
    let Some(address) = common::address() else { return };
    let service = format!("test-storm-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
    let builder = KafkaTransport::builder(&service).url(format!("kafka://{address}"));
    let builder = builder.session_timeout(Duration::from_secs(6)).partitions(8);
    let client = builder.clone().connect().await.unwrap();
    let publisher = client.publisher();
    let sending = tokio::spawn(async move {
        for number in 0..REQUESTS {
            publisher.try_request(Headers::new(), number.to_string().into()).unwrap();
            // Spread over the storm.
            if number % 100 == 99 {
                sleep(LASTS / 120).await;
            }
        }
    });

    let runs = Runs::default();
    let join = || {
        let leaves = CancellationToken::new();
        (leaves.clone(), tokio::spawn(serve(builder.clone(), runs.clone(), leaves)))
    };
    let (mut servers, mut changes): (Vec<_>, usize) = ((0..STAY).map(|_| join()).collect(), STAY);
    // A group that nobody is in yet waits as long as servers join.
    let begun = timeout(AFTER, async {
        while runs.different() < 100 {
            sleep(Duration::from_millis(20)).await;
        }
    });
    begun.await.expect("the servers that stay have begun");
    let before = runs.different();
    let (mut tick, over) = (interval(EVERY), Instant::now() + LASTS);
    while Instant::now() < over {
        tick.tick().await;
        changes += 1;
        if servers.len() <= STAY || (servers.len() < SERVERS && fastrand::bool()) {
            servers.push(join());
        } else {
            let (leaves, serving) = servers.swap_remove(fastrand::usize(STAY..servers.len()));
            leaves.cancel();
            tokio::spawn(async move { serving.await.unwrap() });
        }
    }
    let meanwhile = runs.different() - before;
    sending.await.unwrap();
    let all = timeout(AFTER, async {
        while runs.different() < REQUESTS {
            sleep(Duration::from_millis(100)).await;
        }
    });
    let done = all.await.is_ok();
    for (leaves, serving) in servers {
        leaves.cancel();
        serving.await.unwrap();
    }
    client.close().await.unwrap();
    assert!(done, "{} of {REQUESTS} requests were done", runs.different());
    // Whatever is running when its partition moves runs once more.
    let (twice, bound) = (runs.total() - REQUESTS, changes * SERVERS * SLOTS);
    eprintln!("{changes} changes, {meanwhile} requests done meanwhile, {twice} requests ran once more");
    assert!(meanwhile > 0, "nothing was done as long as servers came and went");
    assert!(twice <= bound, "{twice} requests ran once more, in {changes} rebalances at most {bound} may");
}

/// A server that does what it is sent, until it leaves in order.
async fn serve(builder: occamy_kafka::KafkaBuilder, runs: Runs, leaves: CancellationToken) {
    let transport = builder.connect().await.unwrap();
    let mut requests: Box<dyn RequestStream> = transport.requests();
    let mut running = FuturesUnordered::new();
    loop {
        let credit = SLOTS - running.len();
        tokio::select! {
            () = leaves.cancelled() => break,
            Some(()) = running.next() => {}
            message = requests.next(credit) => match message {
                Ok(Some(message)) => running.push(run(message, runs.clone())),
                Ok(None) => break,
                Err(_) => {}
            },
        }
    }
    let draining = async {
        transport.drain().await;
        while running.next().await.is_some() {}
    };
    // The stream is the connection's, so it ends first.
    drop(requests);
    draining.await;
    transport.close().await.unwrap();
}

async fn run(message: Box<dyn Message>, runs: Runs) {
    sleep(Duration::from_millis(fastrand::u64(1..20))).await;
    runs.ended(message.body());
    // It may be another server's by now.
    let _ = message.settle(Verdict::Done).await;
}
