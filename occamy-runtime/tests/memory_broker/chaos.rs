//! Everything at once: three servers that settle as they please, die and come back, behind connections that are cut and
//! a broker that stops. Nothing may be lost, and nothing settled twice.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use occamy_core::{Error, Headers, Message, Verdict};
use occamy_runtime::memory::MemoryBroker;
use tokio::time::{sleep, timeout};

use crate::world::{Losses, Peer, SECOND, failed, retry, soon, text};

const SEEDS: u64 = 30;
const REQUESTS: u32 = 300;
const SLOTS: usize = 4;
const SERVERS: [&str; 3] = ["a", "b", "c"];

/// What all sides share.
struct World {
    broker: MemoryBroker,
    /// The names of the connections that there are now.
    names: Mutex<BTreeSet<String>>,
    done: Mutex<Vec<String>>,
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_and_nothing_settled_twice_whatever_goes_wrong() {
    for seed in 0..SEEDS {
        let world = Arc::new(World {
            broker: MemoryBroker::builder().lease(SECOND).build(),
            names: Mutex::default(),
            done: Mutex::default(),
        });
        let mut rng = Rng::with_seed(seed);
        let servers: Vec<_> = SERVERS
            .into_iter()
            .map(|name| tokio::spawn(serve(Arc::clone(&world), name, rng.fork())))
            .collect();
        tokio::spawn(break_things(Arc::clone(&world), rng.fork()));
        let sent = soon(send(&world.broker, rng.fork())).await;
        timeout(500 * SECOND, world.broker.idle())
            .await
            .unwrap_or_else(|_| panic!("seed {seed}: not everything was settled: {:?}", world.broker));
        for server in servers {
            server.abort();
            assert!(server.await.is_err_and(|error| error.is_cancelled()), "seed {seed}: a server panicked");
        }
        world.check(sent, seed);
    }
}

/// Sends all requests, each again until it is confirmed.
async fn send(broker: &MemoryBroker, mut rng: Rng) -> Vec<String> {
    let publisher = broker.publisher();
    let mut sent = Vec::new();
    for number in 0..REQUESTS {
        sleep(upto(&mut rng, 50)).await;
        let body = format!("{number:04}");
        while publisher.request(Headers::new(), Bytes::from(body.clone())).await.is_err() {
            sleep(upto(&mut rng, 50)).await;
        }
        sent.push(body);
    }
    sent
}

/// A server that dies now and then and comes back under another name.
async fn serve(world: Arc<World>, name: &'static str, mut rng: Rng) {
    for life in 1.. {
        let name = format!("{name}{life}");
        world.names.lock().unwrap().insert(name.clone());
        let peer = Peer::connect(&world.broker, &name);
        let life = upto(&mut rng, 20_000);
        let _ = timeout(life, work(&world, &name, peer, &mut rng)).await;
        world.names.lock().unwrap().remove(&name);
        sleep(upto(&mut rng, 1_000)).await;
    }
}

async fn work(world: &World, name: &str, mut peer: Peer, rng: &mut Rng) {
    let (mut running, mut settling) = (FuturesUnordered::new(), FuturesUnordered::new());
    loop {
        // As a server counts: the slots that are free, whatever is still being settled.
        let credit = SLOTS - running.len();
        tokio::select! {
            biased;
            // First, so that a settlement begins before its slot is filled again.
            Some(()) = settling.next() => {}
            Some(message) = running.next() => settling.push(world.end(message, rng.fork())),
            next = peer.requests.next(credit), if credit > 0 => {
                let message = next.expect("there are no errors").expect("the stream goes on");
                let takes = upto(rng, 400);
                running.push(async move {
                    sleep(takes).await;
                    message
                });
            }
        }
        let held = world.broker.stats().in_flight.get(name).copied().unwrap_or(0);
        assert!(held <= SLOTS, "{name} has {held} requests unsettled");
    }
}

impl World {
    /// Settles a request, or doesn't.
    async fn end(&self, message: Box<dyn Message>, mut rng: Rng) {
        let losses = Losses::default();
        message.watch_lease(losses.watch());
        let body = text(&*message).to_owned();
        let verdict = match rng.u32(0..100) {
            0..55 => Verdict::Done,
            55..65 => failed(),
            65..75 => retry(upto(&mut rng, 3_000)),
            75..83 => Verdict::Interrupted,
            83..90 => Verdict::Busy,
            90..95 => return drop(message),
            // A settlement that nobody waits for to its end.
            _ => {
                let _ = timeout(upto(&mut rng, 10), self.settle(message, Verdict::Done, body)).await;
                return;
            }
        };
        if self.settle(message, verdict, body).await.is_ok() {
            assert_eq!(losses.count(), 0, "a lease was lost, and the settlement taken");
        }
    }

    async fn settle(&self, message: Box<dyn Message>, verdict: Verdict, body: String) -> Result<(), Error> {
        let done = verdict == Verdict::Done;
        message.settle(verdict).await?;
        if done {
            self.done.lock().unwrap().push(body);
        }
        Ok(())
    }

    fn check(&self, mut sent: Vec<String>, seed: u64) {
        let stats = self.broker.stats();
        let done = self.done.lock().unwrap().clone();
        let dead = self.broker.dead_letters();
        let counts = stats.counts;
        assert_eq!((counts.done, counts.failed), (done.len() as u64, dead.len() as u64), "seed {seed}");
        let mut ended = done;
        ended.extend(dead.iter().map(|letter| String::from_utf8(letter.body.to_vec()).unwrap()));
        ended.sort();
        sent.sort();
        assert_eq!(ended, sent, "seed {seed}");
        assert_eq!((stats.queued, stats.delayed, stats.in_flight.len()), (0, 0, 0), "seed {seed}");
        let settled = counts.done + counts.failed + counts.retried + counts.interrupted + counts.busy;
        assert_eq!(counts.delivered, settled + counts.redelivered, "seed {seed}");
        // Or the world was too kind to show anything.
        for count in [counts.retried, counts.interrupted, counts.busy, counts.redelivered, counts.stale] {
            assert!(count > 0, "seed {seed}: {counts:?}");
        }
    }
}

/// One fault after the other, for as long as requests are sent and a little longer.
async fn break_things(world: Arc<World>, mut rng: Rng) {
    let faults = world.broker.faults();
    faults.set_latency(Duration::ZERO..=Duration::from_millis(20));
    for _ in 0..60 {
        sleep(upto(&mut rng, 500)).await;
        let names: Vec<String> = world.names.lock().unwrap().iter().cloned().collect();
        let Some(name) = rng.choice(&names) else { continue };
        match rng.u32(0..10) {
            0..4 => {
                faults.cut(name);
                sleep(upto(&mut rng, 2_500)).await;
                faults.restore(name);
            }
            4 => {
                faults.stop();
                sleep(upto(&mut rng, 2_000)).await;
                faults.start();
            }
            5 => faults.expire_leases(name),
            6 => faults.redeliver(name),
            7 => faults.fail_settlements(rng.usize(1..4)),
            8 => faults.fail_publishes(rng.usize(1..4)),
            // Left cut. It is restored when it has died, if not before.
            _ => faults.cut(name),
        }
    }
    for name in world.names.lock().unwrap().iter() {
        faults.restore(name);
    }
}

fn upto(rng: &mut Rng, milliseconds: u64) -> Duration {
    Duration::from_millis(rng.u64(0..=milliseconds))
}
