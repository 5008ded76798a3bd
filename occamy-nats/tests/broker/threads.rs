//! Whatever a program does with its threads, the connection has its own.

use std::time::Duration;

use occamy_core::transport::Transport;
use tokio::time::timeout;

use crate::support::{Service, send, take};

/// On a runtime whose only thread is busy for three leases.
#[tokio::test]
async fn leases_are_kept_while_every_worker_of_tokio_computes() {
    let Some(service) = Service::new("starved") else { return };
    let lease = Duration::from_secs(1);
    let (first, second) = (service.builder().lease(lease), service.builder().lease(lease));
    let (first, second) = (first.connect().await.unwrap(), second.connect().await.unwrap());
    let (mut own, mut others) = (first.requests(), second.requests());
    send(&first, "long").await;
    let held = take(&mut own, 1).await;
    let lost = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let watch = std::sync::Arc::clone(&lost);
    held.watch_lease(std::sync::Arc::new(move || watch.store(true, std::sync::atomic::Ordering::Relaxed)));
    // The other server asks for it all the while.
    assert!(timeout(Duration::from_millis(100), others.next(1)).await.is_err());
    std::thread::sleep(3 * lease);
    assert!(timeout(Duration::from_millis(100), others.next(1)).await.is_err(), "it was handed out again");
    assert!(!lost.load(std::sync::atomic::Ordering::Relaxed));
    held.ack().await.unwrap();
    service.clean_up().await;
}

/// Settled on a thread that knows no runtime, and after the transport has gone.
#[tokio::test]
async fn messages_can_be_settled_on_any_thread_and_not_when_the_connection_is_gone() {
    let Some(service) = Service::new("threads") else { return };
    let transport = service.connect().await;
    let mut requests = transport.requests();
    send(&transport, "one").await;
    send(&transport, "two").await;
    let (one, two) = (take(&mut requests, 2).await, take(&mut requests, 1).await);
    let settled = std::thread::spawn(move || futures_util::FutureExt::now_or_never(one.ack()));
    // It is under way, and nobody waits for it: the connection's thread goes on with it.
    assert!(settled.join().unwrap().is_none());
    let name = format!("{}-request", service.name);
    let mut stream = service.jetstream().await.get_stream(&name).await.unwrap();
    let acknowledged = async {
        while stream.info().await.unwrap().state.messages > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(crate::support::SOON, acknowledged).await.expect("it is acknowledged");
    drop((transport, requests));
    let error = two.ack().await.unwrap_err();
    assert_eq!(error.kind(), occamy_core::ErrorKind::MessageNotAcked);
    service.clean_up().await;
}
