//! What is gone and comes back: the consumer, the client.

use std::time::Duration;

use bytes::Bytes;
use occamy_core::transport::Transport;
use occamy_core::{BrokerEvent, Headers, Observation, RecordingMonitor};
use tokio::time::timeout;

use crate::support::{SOON, Service, send, take};

#[tokio::test]
async fn a_stream_that_is_gone_is_an_error_and_not_replaced_by_an_empty_one() {
    let Some(service) = Service::new("gone") else { return };
    let transport = service.connect().await;
    let mut requests = transport.requests();
    assert!(timeout(Duration::from_millis(200), requests.next(1)).await.is_err());
    let (name, context) = (format!("{}-request", service.name), service.jetstream().await);
    context.delete_stream(&name).await.unwrap();
    let error = timeout(SOON, requests.next(1)).await.unwrap().err().unwrap();
    assert!(error.message().contains(&name) && error.message().contains("missing"), "{error}");
    assert!(context.get_stream(&name).await.is_err());
    // Whoever starts a server has it created, and the old one goes on.
    let other = service.connect().await;
    send(&other, "after").await;
    let taken = async {
        loop {
            if let Ok(Some(message)) = requests.next(1).await {
                return message;
            }
        }
    };
    timeout(SOON, taken).await.expect("a request").ack().await.unwrap();
    service.clean_up().await;
}

#[tokio::test]
async fn a_consumer_that_was_deleted_is_made_anew() {
    let Some(service) = Service::new("deleted") else { return };
    let transport = service.connect().await;
    let mut requests = transport.requests();
    // So that there is a pull at the consumer.
    assert!(timeout(Duration::from_millis(200), requests.next(1)).await.is_err());
    let name = format!("{}-request", service.name);
    let stream = service.jetstream().await.get_stream(&name).await.unwrap();
    stream.delete_consumer(&service.name).await.unwrap();
    send(&transport, "after").await;
    take(&mut requests, 1).await.ack().await.unwrap();
    service.clean_up().await;
}

/// A header with a bare carriage return.
const POISON: &str = "NATS/1.0\r\nline: a\rb\r\n\r\n";

#[tokio::test]
async fn headers_that_end_the_client_are_buried_with_the_body_and_another_client_goes_on() {
    let Some(service) = Service::new("poison") else { return };
    let transport = service.connect().await;
    let monitor = RecordingMonitor::new();
    transport.observe(std::sync::Arc::new(monitor.clone()));
    let (mut requests, mut controls) = (transport.requests(), transport.controls());
    send(&transport, "held").await;
    let held = take(&mut requests, 2).await;
    service.send_raw(&format!("{}-request", service.name), POISON.as_bytes(), "body").await;
    // The server hears of it, and of nothing else.
    let error = timeout(SOON, requests.next(1)).await.unwrap().err().unwrap();
    assert!(error.message().contains("headers"), "{error}");
    let letter = service.dead_letter().await;
    let raw = letter.headers.clone().unwrap().get("occamy-raw-headers").unwrap().as_str().to_owned();
    let text = POISON.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!((raw, letter.payload.as_ref()), (format!("occamy:bytes:{text}"), &b"body"[..]));
    // What the dead client was given is settled through the new one.
    held.ack().await.unwrap();
    // And it hears control messages, a bad one of which it survives as well.
    service.send_raw(&format!("{}-control", service.name), POISON.as_bytes(), "body").await;
    let publisher = transport.publisher();
    let heard = async {
        loop {
            publisher.control(Headers::new(), Bytes::from("hello")).await.ok();
            let next = timeout(Duration::from_millis(300), controls.next()).await;
            if next.is_ok_and(|next| next.unwrap().unwrap().body() == "hello") {
                return;
            }
        }
    };
    timeout(SOON, heard).await.expect("control messages are heard again");
    let events: Vec<_> = monitor.take();
    let reconnected = Observation::Broker(BrokerEvent::Reconnected);
    assert!(events.iter().filter(|event| **event == reconnected).count() >= 2, "{events:?}");
    let name = format!("{}-request", service.name);
    let stream = service.jetstream().await.get_stream(&name).await.unwrap();
    assert_eq!(stream.cached_info().state.messages, 0);
    service.clean_up().await;
}

#[tokio::test]
async fn whoever_sends_while_a_client_dies_is_served_by_the_next_one() {
    let Some(service) = Service::new("dying") else { return };
    let transport = service.connect().await;
    let (_requests, mut controls) = (transport.requests(), transport.controls());
    let publisher = transport.publisher();
    for round in 0..4 {
        service.send_raw(&format!("{}-control", service.name), POISON.as_bytes(), "body").await;
        for number in 0..50 {
            let body = || Bytes::from(format!("{round} {number}"));
            publisher.request(Headers::new(), body()).await.unwrap();
            publisher.control(Headers::new(), body()).await.unwrap();
        }
        while timeout(Duration::from_millis(50), controls.next()).await.is_ok() {}
    }
    assert_eq!(service.stored().await, 200);
    service.clean_up().await;
}

#[tokio::test]
async fn whatever_the_client_can_not_read_becomes_a_dead_letter_and_the_others_go_on() {
    let Some(service) = Service::new("unreadable") else { return };
    let transport = service.builder().lease(Duration::from_secs(1)).connect().await.unwrap();
    let mut requests = transport.requests();
    let subject = format!("{}-request", service.name);
    let blocks = [
        &b"NATS/1.0 abc\r\n\r\n"[..],
        b"HTTP/2\r\na: b\r\n\r\n",
        b"NATS/1.0\r\n a: b\r\n\r\n",
        b"NATS/1.0\r\na: b\r\r\n c\r\n\r\n",
        b"NATS/1.0\r\na: \xff\r\n\r\n",
        POISON.as_bytes(),
    ];
    for block in blocks {
        service.send_raw(&subject, block, "bad").await;
        send(&transport, "good").await;
    }
    let mut good = 0;
    let all = async {
        while good < blocks.len() || service.stored().await > 0 {
            match timeout(Duration::from_millis(200), requests.next(2)).await {
                // Newer servers mend a wrong status, and then it can be read.
                Ok(Ok(message)) => {
                    let message = message.unwrap();
                    good += usize::from(message.body() == "good");
                    message.ack().await.unwrap();
                }
                Ok(Err(error)) => assert!(error.message().contains("headers"), "{error}"),
                Err(_) => {}
            }
        }
    };
    timeout(2 * SOON, all).await.expect("all are served, or buried");
    assert_eq!(service.dead_letter().await.payload, "bad");
    service.clean_up().await;
}

/// A fleet that is too large for a consumer that somebody else has made.
#[tokio::test]
async fn a_pull_that_was_refused_is_made_again() {
    let Some(service) = Service::new("refused") else { return };
    drop(service.connect().await);
    let name = format!("{}-request", service.name);
    let stream = service.jetstream().await.get_stream(&name).await.unwrap();
    let mut config = stream.consumer_info(&service.name).await.unwrap().config;
    stream.delete_consumer(&service.name).await.unwrap();
    config.max_waiting = 1;
    stream.create_consumer(config).await.unwrap();
    let (first, second) = (service.connect().await, service.connect().await);
    let (mut own, mut others) = (first.requests(), second.requests());
    assert!(timeout(Duration::from_millis(200), own.next(1)).await.is_err());
    assert!(timeout(Duration::from_millis(500), others.next(1)).await.is_err());
    send(&first, "one").await;
    let held = take(&mut own, 1).await;
    send(&first, "two").await;
    // The first server is full now, and there is a place for the second one to ask.
    assert!(timeout(Duration::from_millis(100), own.next(0)).await.is_err());
    take(&mut others, 1).await.ack().await.unwrap();
    held.ack().await.unwrap();
    service.clean_up().await;
}
