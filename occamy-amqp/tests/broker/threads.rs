//! Whatever a program does with its threads, the connection has its own.

use std::time::Duration;

use futures_util::FutureExt;
use occamy_core::transport::Transport;
use tokio::time::timeout;

use crate::support::{SOON, Service, send, take};

/// On a runtime whose only thread is busy for more than two heartbeats.
#[tokio::test]
async fn a_connection_is_kept_while_every_worker_of_tokio_computes() {
    let Some(service) = Service::new("starved") else { return };
    let heartbeat = Duration::from_secs(1);
    let (first, second) = (service.builder().heartbeat(heartbeat), service.builder().heartbeat(heartbeat));
    let (first, second) = (first.connect().await.unwrap(), second.connect().await.unwrap());
    let (mut own, mut others) = (first.requests(), second.requests());
    send(&first, "long").await;
    let held = take(&mut own, 1).await;
    // The other server asks for it all the while.
    assert!(timeout(Duration::from_millis(100), others.next(1)).await.is_err());
    std::thread::sleep(4 * heartbeat);
    assert!(timeout(Duration::from_millis(100), others.next(1)).await.is_err(), "it was handed out again");
    held.ack().await.unwrap();
    service.clean_up().await;
}

/// Settled on a thread that knows no runtime, and after the transport has gone.
#[tokio::test]
async fn messages_can_be_settled_on_any_thread_and_not_when_the_connection_is_gone() {
    let Some(service) = Service::new("threads") else { return };
    let (transport, other) = (service.connect().await, service.connect().await);
    let mut requests = transport.requests();
    send(&transport, "one").await;
    send(&transport, "two").await;
    let (one, two) = (take(&mut requests, 2).await, take(&mut requests, 1).await);
    let settled = std::thread::spawn(move || one.ack().now_or_never());
    // It may be under way, and nobody waits for it: the connection's thread goes on with it.
    drop(settled.join().unwrap());
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop((transport, requests));
    let error = two.ack().await.unwrap_err();
    assert_eq!(error.kind(), occamy_core::ErrorKind::MessageNotAcked);
    let mut others = other.requests();
    let again = timeout(SOON, take(&mut others, 2)).await.unwrap();
    assert_eq!(again.body(), "two");
    again.ack().await.unwrap();
    assert!(timeout(Duration::from_millis(300), others.next(2)).await.is_err(), "the other one was settled");
    service.clean_up().await;
}

/// Whoever has asked for a settlement hears how it has ended, though the connection's thread ends with it half done.
#[tokio::test]
async fn a_settlement_that_is_under_way_when_the_connection_goes_ends_all_the_same() {
    const ALL: usize = 100;
    let Some(service) = Service::new("half-done") else { return };
    let transport = service.connect().await;
    let mut requests = transport.requests();
    for number in 0..ALL {
        send(&transport, &number.to_string()).await;
    }
    let mut held = Vec::new();
    for left in (1..=ALL).rev() {
        held.push(take(&mut requests, left).await);
    }
    let mut settling: Vec<_> = held.into_iter().map(|request| request.ack()).collect();
    // This test's thread does nothing else, so all of them are on their way at once.
    settling.retain_mut(|settlement| settlement.now_or_never().is_none());
    drop((transport, requests));
    for settlement in settling {
        // Well or not.
        let _ = timeout(SOON, settlement).await.expect("it ends");
    }
    service.clean_up().await;
}
