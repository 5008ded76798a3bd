//! The broker and the runtimes around it.

use bytes::Bytes;
use occamy_core::Headers;
use occamy_core::transport::PublishError;
use occamy_runtime::memory::MemoryBroker;
use tokio::runtime::{Builder, Runtime};

use crate::world::{Peer, SECOND, retry, send, text};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

#[test]
fn a_delay_survives_the_runtime_in_which_it_began() {
    let broker = MemoryBroker::new();
    runtime().block_on(async {
        let mut a = Peer::connect(&broker, "a");
        send(&broker, ["1"]).await;
        a.take_now().unwrap().settle(retry(SECOND)).await.unwrap();
    });
    assert_eq!(broker.stats().delayed, 1);
    runtime().block_on(async {
        let mut a = Peer::connect(&broker, "a");
        let again = a.take().await;
        assert_eq!((text(&*again), again.attempt()), ("1", 2));
        again.ack().await.unwrap();
    });
}

#[test]
fn an_outbox_ends_with_its_runtime() {
    let broker = MemoryBroker::new();
    let publisher = runtime().block_on(async { broker.publisher() });
    let error = publisher.try_request(Headers::new(), Bytes::new()).unwrap_err();
    assert!(matches!(error, PublishError::Closed), "{error}");
}

#[test]
fn a_request_may_be_dropped_outside_of_any_runtime() {
    let broker = MemoryBroker::new();
    let held = runtime().block_on(async {
        let mut a = Peer::connect(&broker, "a");
        send(&broker, ["1"]).await;
        a.take().await
    });
    drop(held);
    assert_eq!((broker.stats().queued, broker.stats().in_flight.len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_threads_settle_every_request_once() {
    const REQUESTS: u32 = 2_000;
    let broker = MemoryBroker::new();
    let mut serving = tokio::task::JoinSet::new();
    for name in ["a", "b", "c"] {
        let mut server = Peer::connect(&broker, name);
        serving.spawn(async move {
            let mut settled = 0;
            while let Ok(message) = tokio::time::timeout(5 * SECOND, server.requests.next(8)).await {
                let message = message.unwrap().unwrap();
                if &message.body()[..] == b"end" {
                    message.ack().await.unwrap();
                    break;
                }
                tokio::spawn(message.ack()).await.unwrap().unwrap();
                settled += 1;
            }
            settled
        });
    }
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let publisher = broker.publisher();
        sending.spawn(async move {
            for _ in 0..REQUESTS / 4 {
                publisher.request(Headers::new(), Bytes::from("x")).await.unwrap();
            }
        });
    }
    sending.join_all().await;
    send(&broker, ["end", "end", "end"]).await;
    let settled: u32 = serving.join_all().await.into_iter().sum();
    assert_eq!(settled, REQUESTS);
    tokio::time::timeout(5 * SECOND, broker.idle()).await.unwrap();
    let counts = broker.stats().counts;
    assert_eq!((counts.done, counts.delivered), (u64::from(REQUESTS) + 3, u64::from(REQUESTS) + 3));
    assert_eq!((counts.stale, counts.redelivered), (0, 0));
}
