//! What is gone and comes back: the consumer, the client.

use std::time::Duration;

use bytes::Bytes;
use occamy_core::transport::Transport;
use occamy_core::{BrokerEvent, Headers, Observation, RecordingMonitor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{SOON, Service, send, take};

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

/// A header with a bare carriage return, in the words of the protocol: no client sends it.
async fn send_poison(service: &Service, subject: &str) {
    let mut stream = TcpStream::connect(&service.address).await.unwrap();
    let headers = "NATS/1.0\r\nline: a\rb\r\n\r\n";
    let publish =
        format!("HPUB {subject} {} {}\r\n{headers}body\r\nPING\r\n", headers.len(), headers.len() + 4);
    let connect = "CONNECT {\"headers\":true,\"verbose\":false}\r\n";
    stream.write_all(format!("{connect}{publish}").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"PONG\r\n") {
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "no answer");
    }
}

#[tokio::test]
async fn headers_that_end_the_client_are_buried_with_the_body_and_another_client_goes_on() {
    let Some(service) = Service::new("poison") else { return };
    let transport = service.connect().await;
    let monitor = RecordingMonitor::new();
    transport.observe(std::sync::Arc::new(monitor.clone()));
    let (mut requests, mut controls) = (transport.requests(), transport.controls());
    send(&transport, "held").await;
    let held = take(&mut requests, 2).await;
    send_poison(&service, &format!("{}-request", service.name)).await;
    // The server hears of it, and of nothing else.
    let error = timeout(SOON, requests.next(1)).await.unwrap().err().unwrap();
    assert!(error.message().contains("headers"), "{error}");
    let letter = service.dead_letter().await;
    let raw = letter.headers.clone().unwrap().get("occamy-raw-headers").unwrap().as_str().to_owned();
    let text = "NATS/1.0\r\nline: a\rb\r\n\r\n".bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!((raw, letter.payload.as_ref()), (format!("occamy:bytes:{text}"), &b"body"[..]));
    // What the dead client was given is settled through the new one.
    held.ack().await.unwrap();
    // And it hears control messages, a bad one of which it survives as well.
    send_poison(&service, &format!("{}-control", service.name)).await;
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
