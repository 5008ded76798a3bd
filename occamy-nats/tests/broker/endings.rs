//! Draining and closing: nothing is left behind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use occamy_core::transport::Transport;
use occamy_core::{Headers, Observation, RecordingMonitor};
use tokio::time::{sleep, timeout};

use crate::proxy::Proxy;
use crate::support::{SOON, Service, send, take};

const AT_ONCE: Duration = Duration::ZERO;

#[tokio::test]
async fn what_comes_while_a_transport_drains_goes_to_another_before_the_lease_is_over() {
    let Some(service) = Service::new("drained") else { return };
    let proxy = Proxy::start(&service.address, Duration::from_millis(5)).await;
    let other = service.connect().await;
    let mut others = other.requests();
    for _ in 0..8 {
        let builder = occamy_nats::NatsTransport::builder(&service.name).url(&*proxy.url);
        let transport = builder.connect().await.unwrap();
        let mut requests = transport.requests();
        // So that there are pulls at the consumer.
        assert!(timeout(Duration::from_millis(50), requests.next(64)).await.is_err());
        let publisher = other.publisher();
        let sending = tokio::spawn(async move {
            for _ in 0..40 {
                publisher.request(Headers::new(), Bytes::new()).await.unwrap();
                sleep(Duration::from_millis(1)).await;
            }
        });
        // There is more asked for than there will be. A few have come and are given back, a few are on their way, a few will come.
        sleep(Duration::from_millis(10)).await;
        let start = Instant::now();
        transport.drain().await;
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        transport.close().await.unwrap();
        sending.await.unwrap();
        for _ in 0..40 {
            take(&mut others, 1).await.ack().await.unwrap();
        }
    }
    service.clean_up().await;
}

#[tokio::test]
async fn whoever_waits_for_the_end_of_a_drain_is_not_forgotten_when_a_transport_closes() {
    let Some(service) = Service::new("both") else { return };
    for _ in 0..20 {
        let transport = service.connect().await;
        let both = async { tokio::join!(transport.close(), transport.drain()) };
        timeout(SOON, both).await.expect("both end").0.unwrap();
    }
    service.clean_up().await;
}

#[tokio::test]
async fn a_message_of_the_outbox_that_waits_for_a_connection_is_sent_before_a_transport_closes() {
    let Some(service) = Service::new("late") else { return };
    let proxy = Proxy::start(&service.address, AT_ONCE).await;
    let (transport, monitor) = away(&service, &proxy).await;
    transport.publisher().try_request(Headers::new(), Bytes::from("late")).unwrap();
    // It has left the outbox by then, and waits.
    sleep(Duration::from_millis(100)).await;
    let (closed, ()) = tokio::join!(transport.close(), async {
        sleep(Duration::from_millis(100)).await;
        proxy.set_open(true);
    });
    closed.unwrap();
    assert!(!monitor.take().iter().any(|it| matches!(it, Observation::Failed { .. })));
    let other = service.connect().await;
    assert_eq!(take(&mut other.requests(), 1).await.body(), "late");
    service.clean_up().await;
}

#[tokio::test]
async fn each_message_of_the_outbox_that_was_not_sent_is_told_of() {
    let Some(service) = Service::new("never") else { return };
    let proxy = Proxy::start(&service.address, AT_ONCE).await;
    let (transport, monitor) = away(&service, &proxy).await;
    for _ in 0..3 {
        transport.publisher().try_request(Headers::new(), Bytes::from("never")).unwrap();
    }
    sleep(Duration::from_millis(100)).await;
    let error = transport.close().await.unwrap_err();
    assert!(error.message().contains("3 messages"), "{error}");
    let told = monitor.take().iter().filter(|it| matches!(it, Observation::Failed { .. })).count();
    assert_eq!(told, 3);
    service.clean_up().await;
}

/// A transport whose broker can't be reached any more, and knows it.
async fn away(service: &Service, proxy: &Proxy) -> (occamy_nats::NatsTransport, RecordingMonitor) {
    let builder = occamy_nats::NatsTransport::builder(&service.name).url(&*proxy.url);
    let transport = builder.publish_timeout(Duration::from_secs(2)).connect().await.unwrap();
    let monitor = RecordingMonitor::new();
    transport.observe(Arc::new(monitor.clone()));
    send(&transport, "first").await;
    take(&mut transport.requests(), 1).await.ack().await.unwrap();
    proxy.set_open(false);
    sleep(Duration::from_millis(300)).await;
    (transport, monitor)
}
