//! A connection that is lost, and what it had brought.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use occamy_core::transport::Transport;
use occamy_core::{BrokerEvent, ErrorKind, Headers, Observation, RecordingMonitor};
use occamy_runtime::conformance::{Mode, Proxy};
use tokio::time::{sleep, timeout};

use crate::messages::retry;
use crate::support::{SOON, Service, send, take};

#[tokio::test]
async fn what_a_lost_connection_brought_is_stale_and_comes_again() {
    let Some(service) = Service::new("stale") else { return };
    let proxy = Proxy::open(service.address).await.unwrap();
    let builder = service.builder().url(format!("amqp://{}", proxy.address()));
    let transport = builder.connect().await.unwrap();
    let monitor = RecordingMonitor::new();
    transport.observe(Arc::new(monitor.clone()));
    let mut requests = transport.requests();
    send(&transport, "request").await;
    let held = take(&mut requests, 1).await;
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    held.watch_lease(Arc::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
    }));
    proxy.set(Mode::Cut);
    let again = take(&mut requests, 2).await;
    assert_eq!((again.body().as_ref(), told.load(Ordering::Relaxed)), (&b"request"[..], 1));
    let error = held.ack().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MessageNotAcked);
    again.ack().await.unwrap();
    let events = monitor.take();
    for event in [BrokerEvent::Disconnected, BrokerEvent::Reconnected, BrokerEvent::StaleSettlement] {
        let times = events.iter().filter(|seen| **seen == Observation::Broker(event)).count();
        assert_eq!(times, 1, "{event:?} in {events:?}");
    }
    service.clean_up().await;
}

#[tokio::test]
async fn control_messages_that_are_sent_while_a_server_connects_anew_wait_for_it() {
    let Some(service) = Service::new("waiting") else { return };
    let proxy = Proxy::open(service.address).await.unwrap();
    let builder = service.builder().url(format!("amqp://{}", proxy.address()));
    let (transport, client) = (builder.connect().await.unwrap(), service.connect().await);
    let mut controls = transport.controls();
    let send = async |body: &'static str| {
        client.publisher().control(Headers::new(), Bytes::from(body)).await.unwrap();
    };
    send("before").await;
    timeout(SOON, controls.next()).await.unwrap().unwrap().unwrap().ack().await.unwrap();
    // The acknowledgement is on its way, and there is no answer to it.
    sleep(Duration::from_millis(300)).await;
    proxy.set(Mode::Refuse);
    send("meanwhile").await;
    sleep(Duration::from_millis(300)).await;
    proxy.set(Mode::Pass);
    let meanwhile = timeout(SOON, controls.next()).await.expect("it waited").unwrap().unwrap();
    assert_eq!(meanwhile.body(), "meanwhile");
    meanwhile.ack().await.unwrap();
    service.clean_up().await;
}

/// Whoever never asks for control messages doesn't have them pile up anywhere.
#[tokio::test]
async fn a_client_that_only_sends_keeps_no_control_messages() {
    let Some(service) = Service::new("client") else { return };
    let client = service.connect().await;
    for _ in 0..1_000 {
        client.publisher().control(Headers::new(), Bytes::from_static(&[0; 1_000])).await.unwrap();
    }
    // The first that comes after it was asked for is not one of those.
    sleep(Duration::from_millis(300)).await;
    let mut controls = client.controls();
    client.publisher().control(Headers::new(), Bytes::from("heard")).await.unwrap();
    let heard = timeout(SOON, controls.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(heard.body(), "heard");
    service.clean_up().await;
}

/// Whose delay would go on for an hour, and nothing else come for as long.
#[tokio::test]
async fn a_retry_that_waits_ends_with_its_connection() {
    let Some(service) = Service::new("retry-cut") else { return };
    let proxy = Proxy::open(service.address).await.unwrap();
    let builder = service.builder().url(format!("amqp://{}", proxy.address()));
    let transport = builder.connect().await.unwrap();
    let mut requests = transport.requests();
    send(&transport, "request").await;
    let request = take(&mut requests, 1).await;
    let retried = tokio::spawn(request.settle(retry(Duration::from_secs(3_600))));
    sleep(Duration::from_millis(100)).await;
    proxy.set(Mode::Cut);
    take(&mut requests, 1).await.ack().await.unwrap();
    assert_eq!(retried.await.unwrap().unwrap_err().kind(), ErrorKind::MessageNotNacked);
    service.clean_up().await;
}

#[tokio::test]
async fn whoever_stops_listening_keeps_its_connection() {
    let Some(service) = Service::new("deaf") else { return };
    let transport = service.connect().await;
    let monitor = RecordingMonitor::new();
    transport.observe(Arc::new(monitor.clone()));
    let mut requests = transport.requests();
    drop(transport.controls());
    transport.publisher().control(Headers::new(), Bytes::from("control")).await.unwrap();
    sleep(Duration::from_millis(500)).await;
    send(&transport, "request").await;
    take(&mut requests, 1).await.ack().await.unwrap();
    assert_eq!(monitor.take(), [Observation::Broker(BrokerEvent::Connected)]);
    service.clean_up().await;
}

/// Nothing is consumed that would end with the connection.
#[tokio::test]
async fn a_lost_connection_is_noticed_while_control_messages_lie_unread() {
    let Some(service) = Service::new("unread") else { return };
    let proxy = Proxy::open(service.address).await.unwrap();
    let builder = service.builder().url(format!("amqp://{}", proxy.address()));
    let (transport, client) = (builder.connect().await.unwrap(), service.connect().await);
    let _controls = transport.controls();
    for _ in 0..3 {
        client.publisher().control(Headers::new(), Bytes::from("control")).await.unwrap();
    }
    sleep(Duration::from_millis(300)).await;
    proxy.set(Mode::Cut);
    sleep(Duration::from_secs(1)).await;
    send(&transport, "sent").await;
    service.clean_up().await;
}
