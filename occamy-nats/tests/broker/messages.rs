//! What becomes of messages, where NATS has its own ways.

use std::time::{Duration, Instant};

use bytes::Bytes;
use occamy_core::scheduler::Config;
use occamy_core::transport::{PublishError, Transport, header};
use occamy_core::{Error, ErrorKind, Fate, Headers, Message, Outcome, Value, Verdict};
use tokio::time::timeout;

use crate::support::{SOON, Service, send, take};

const MAX_PAYLOAD: usize = 1 << 20;

fn failed(error: Error) -> Verdict {
    Verdict::on_end(Outcome::Failed(error), Fate::Undisturbed, 1, Config::new(1).limits)
}

fn retry(after: Duration) -> Verdict {
    failed(Error::new(ErrorKind::UnknownTask, "not yet").retry_after(after))
}

#[tokio::test]
async fn a_retry_waits_at_the_broker_and_takes_no_slot() {
    let Some(service) = Service::new("retry") else { return };
    let transport = service.connect().await;
    let mut requests = transport.requests();
    send(&transport, "again").await;
    let start = Instant::now();
    take(&mut requests, 1).await.settle(retry(Duration::from_secs(2))).await.unwrap();
    send(&transport, "meanwhile").await;
    let meanwhile = take(&mut requests, 1).await;
    assert_eq!(meanwhile.body(), "meanwhile");
    assert!(start.elapsed() < Duration::from_secs(2));
    meanwhile.ack().await.unwrap();
    let again = take(&mut requests, 1).await;
    assert!(start.elapsed() >= Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!((again.body().as_ref(), again.attempt(), again.deliveries()), (&b"again"[..], 2, Some(1)));
    assert!(again.headers().is_empty(), "{:?}", again.headers());
    again.ack().await.unwrap();
    service.clean_up().await;
}

/// As a foreign client may send it: with the last byte that the server takes.
async fn send_largest(service: &Service) -> Bytes {
    let body = Bytes::from(vec![b'x'; MAX_PAYLOAD - "NATS/1.0\r\nplain: text\r\n\r\n".len()]);
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("plain", "text");
    let subject = format!("{}-request", service.name);
    let context = service.jetstream().await;
    context.publish_with_headers(subject, headers, body.clone()).await.unwrap().await.unwrap();
    body
}

#[tokio::test]
async fn a_message_as_large_as_can_be_becomes_a_dead_letter_without_a_reason() {
    let Some(service) = Service::new("large") else { return };
    let transport = service.connect().await;
    let mut requests = transport.requests();
    // Without any headers it is larger still.
    let subject = format!("{}-request", service.name);
    let body = Bytes::from(vec![b'x'; MAX_PAYLOAD]);
    service.jetstream().await.publish(subject, body.clone()).await.unwrap().await.unwrap();
    take(&mut requests, 1)
        .await
        .settle(failed(Error::new(ErrorKind::InvalidBody, "too much")))
        .await
        .unwrap();
    let letter = service.dead_letter().await;
    assert_eq!(letter.payload, body);
    let stream = service.jetstream().await.get_stream(format!("{}-dead", service.name)).await.unwrap();
    stream.purge().await.unwrap();
    // Failed at once, or to be tried again though no attempt can be counted.
    for verdict in [failed(Error::new(ErrorKind::InvalidBody, "too much")), retry(Duration::ZERO)] {
        let body = send_largest(&service).await;
        let message = take(&mut requests, 1).await;
        assert_eq!(message.headers(), &Headers::new().with("plain", "text"));
        message.settle(verdict).await.unwrap();
        let letter = service.dead_letter().await;
        let headers = letter.headers.clone().unwrap();
        assert_eq!((&letter.payload, headers.get("plain").unwrap().as_str()), (&body, "text"));
        let stream = service.jetstream().await.get_stream(format!("{}-dead", service.name)).await.unwrap();
        stream.purge().await.unwrap();
    }
    service.clean_up().await;
}

#[tokio::test]
async fn a_dead_letter_has_what_a_foreign_client_sent_and_why_it_failed() {
    let Some(service) = Service::new("foreign") else { return };
    let transport = service.connect().await;
    let mut requests = transport.requests();
    let subject = format!("{}-request", service.name);
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("vehicles", "occamy:int:12");
    headers.insert("broken", "occamy:int:twelve");
    let context = service.jetstream().await;
    context.publish_with_headers(subject, headers, "body".into()).await.unwrap().await.unwrap();
    let error = timeout(SOON, requests.next(1)).await.unwrap().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidHeaders);
    let letter = service.dead_letter().await;
    let headers = letter.headers.clone().unwrap();
    let value = |name: &str| headers.get(name).unwrap().as_str().to_owned();
    assert_eq!((value("vehicles"), letter.payload.as_ref()), ("occamy:int:12".into(), &b"body"[..]));
    assert_eq!(value(header::KIND), "invalid_headers");
    assert!(value(header::REASON).contains("broken"), "{headers:?}");
    assert_eq!(value(header::ORIGIN), format!("{}-request", service.name));
    service.clean_up().await;
}

#[tokio::test]
async fn a_request_that_is_dropped_comes_again_at_once() {
    let Some(service) = Service::new("dropped") else { return };
    let transport = service.connect().await;
    let mut requests = transport.requests();
    send(&transport, "careless").await;
    drop(take(&mut requests, 1).await);
    let again = take(&mut requests, 1).await;
    assert_eq!((again.attempt(), again.deliveries()), (1, Some(2)));
    again.ack().await.unwrap();
    service.clean_up().await;
}

#[tokio::test]
async fn what_can_not_be_sent_is_an_error_that_says_why() {
    let Some(service) = Service::new("unsent") else { return };
    let transport = service.builder().publish_timeout(Duration::from_millis(500)).connect().await.unwrap();
    let publisher = transport.publisher();
    let large = Bytes::from(vec![0; MAX_PAYLOAD]);
    for error in [
        publisher.request(Headers::new(), large.clone()).await.unwrap_err(),
        publisher.try_control(Headers::new(), large).unwrap_err(),
    ] {
        let PublishError::TooLarge { limit, .. } = error else { panic!("{error}") };
        assert_eq!(limit, MAX_PAYLOAD - (8 << 10));
    }
    let own = Headers::new().with("Nats-Rollup", "all");
    let error = publisher.request(own, Bytes::new()).await.unwrap_err();
    assert!(matches!(error, PublishError::Headers(_)), "{error}");
    let name = format!("{}-request", service.name);
    service.jetstream().await.delete_stream(&name).await.unwrap();
    let error = publisher.request(Headers::new(), Bytes::new()).await.unwrap_err();
    assert!(matches!(error, PublishError::Broker(_)), "{error}");
    drop(transport);
    // For the cleaning up.
    drop(service.connect().await);
    service.clean_up().await;
}

#[tokio::test]
async fn an_outbox_is_sent_in_order_before_a_transport_closes() {
    let Some(service) = Service::new("outbox") else { return };
    let (transport, other) = (service.connect().await, service.connect().await);
    let (publisher, mut controls) = (transport.publisher(), other.controls());
    for number in 0..500 {
        let headers = Headers::new().with("number", Value::Integer(number));
        publisher.try_control(headers, Bytes::new()).unwrap();
    }
    transport.drain().await;
    transport.close().await.unwrap();
    assert!(matches!(publisher.try_control(Headers::new(), Bytes::new()), Err(PublishError::Closed)));
    let late = publisher.request(Headers::new(), Bytes::new()).await;
    assert!(matches!(late, Err(PublishError::Closed)), "{late:?}");
    for number in 0..500 {
        let message: Box<dyn Message> = timeout(SOON, controls.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(message.headers().integer("number"), Ok(number));
    }
    service.clean_up().await;
}

/// JetStream stores no more than 64 KiB of headers, whatever the size of the body.
#[tokio::test]
async fn headers_as_large_as_can_be_do_not_keep_a_message_from_becoming_a_dead_letter() {
    let Some(service) = Service::new("headers") else { return };
    let transport = service.connect().await;
    let (publisher, mut requests) = (transport.publisher(), transport.requests());
    let text = |length| Headers::new().with("text", "x".repeat(length));
    let error = publisher.request(text(60 << 10), Bytes::new()).await.unwrap_err();
    assert!(error.to_string().contains("57343"), "{error}");
    // What we take of our own clients leaves room for a reason, and for an attempt.
    publisher.request(text(55 << 10), Bytes::new()).await.unwrap();
    take(&mut requests, 1).await.settle(retry(Duration::ZERO)).await.unwrap();
    let again = take(&mut requests, 1).await;
    assert_eq!((again.attempt(), again.headers()), (2, &text(55 << 10)));
    again.settle(failed(Error::new(ErrorKind::InvalidBody, "x".repeat(9_000)))).await.unwrap();
    let letter = service.dead_letter().await;
    assert!(letter.headers.clone().unwrap().get(header::REASON).is_some());
    let stream = service.jetstream().await.get_stream(format!("{}-dead", service.name)).await.unwrap();
    stream.purge().await.unwrap();
    // Of foreign ones that have filled it up, also where it takes us more to write the same.
    for fill in ["x", "\t"] {
        let headers = format!("NATS/1.0\r\ntext: x{}x\r\n\r\n", fill.repeat(65_000));
        service.send_raw(&format!("{}-request", service.name), headers.as_bytes(), "full").await;
        take(&mut requests, 1).await.settle(failed(Error::new(ErrorKind::InvalidBody, "no"))).await.unwrap();
        assert_eq!(service.dead_letter().await.payload, "full");
        stream.purge().await.unwrap();
    }
    assert_eq!(service.stored().await, 0);
    service.clean_up().await;
}

/// As JetStream would say it, were it not a request.
#[tokio::test]
async fn a_request_with_a_status_is_a_request() {
    let Some(service) = Service::new("status") else { return };
    let transport = service.connect().await;
    let mut requests = transport.requests();
    for status in ["100 Idle Heartbeat", "404 No Messages", "409 Consumer Deleted", "503"] {
        let headers = format!("NATS/1.0 {status}\r\nNats-Pending-Messages: 99\r\n\r\n");
        service.send_raw(&format!("{}-request", service.name), headers.as_bytes(), status).await;
        let message = take(&mut requests, 1).await;
        assert_eq!(message.body(), status);
        message.ack().await.unwrap();
    }
    service.clean_up().await;
}

#[tokio::test]
async fn a_dead_letter_that_can_not_be_stored_is_given_up_after_a_lease() {
    let Some(service) = Service::new("unburied") else { return };
    let transport = service.builder().lease(Duration::from_secs(1)).connect().await.unwrap();
    let mut requests = transport.requests();
    send(&transport, "bad").await;
    let message = take(&mut requests, 1).await;
    let dead = format!("{}-dead", service.name);
    service.jetstream().await.delete_stream(&dead).await.unwrap();
    let settled = message.settle(failed(Error::new(ErrorKind::InvalidBody, "no")));
    let error = timeout(SOON, settled).await.expect("it doesn't go on for ever").unwrap_err();
    assert!(error.message().contains(&dead), "{error}");
    // It comes again.
    drop(service.builder().lease(Duration::from_secs(1)).connect().await.unwrap());
    take(&mut requests, 1).await.settle(failed(Error::new(ErrorKind::InvalidBody, "no"))).await.unwrap();
    assert_eq!(service.dead_letter().await.payload, "bad");
    service.clean_up().await;
}
