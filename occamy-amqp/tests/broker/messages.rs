//! What becomes of messages, where RabbitMQ has its own ways.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::options::{
    BasicGetOptions, BasicNackOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeleteOptions,
    QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use occamy_core::scheduler::Config;
use occamy_core::transport::{PublishError, Transport, header};
use occamy_core::{
    BrokerEvent, Error, ErrorKind, Fate, Headers, Observation, Outcome, RecordingMonitor, Value, Verdict,
};
use tokio::time::timeout;

use crate::support::{SOON, Service, send, take};

pub(crate) fn retry(after: Duration) -> Verdict {
    let error = Error::new(ErrorKind::UnknownTask, "not yet").retry_after(after);
    Verdict::on_end(Outcome::Failed(error), Fate::Undisturbed, 1, Config::new(1).limits)
}

#[tokio::test]
async fn a_retry_comes_after_its_delay_with_the_attempt_raised() {
    let Some(service) = Service::new("retry") else { return };
    let transport = service.connect().await;
    let mut requests = transport.requests();
    transport.publisher().request(Headers::new().with("vehicles", 12), "again".into()).await.unwrap();
    let start = Instant::now();
    let first = take(&mut requests, 1).await;
    // The next one is asked for before it comes, as a server does: what nobody asks for goes back, which counts.
    let (settled, again) = tokio::join!(first.settle(retry(Duration::from_secs(1))), take(&mut requests, 1));
    settled.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!((again.attempt(), again.deliveries()), (2, Some(1)));
    assert_eq!(again.headers(), &Headers::new().with("vehicles", 12));
    again.ack().await.unwrap();
    service.clean_up().await;
}

#[tokio::test]
async fn a_server_that_drains_cuts_the_delay_of_a_retry_short_and_keeps_the_attempt() {
    let Some(service) = Service::new("drained") else { return };
    let (transport, other) = (service.connect().await, service.connect().await);
    let mut requests = transport.requests();
    send(&transport, "again").await;
    let settling = tokio::spawn(take(&mut requests, 1).await.settle(retry(Duration::from_secs(3_600))));
    transport.drain().await;
    timeout(SOON, settling).await.expect("it does not wait").unwrap().unwrap();
    assert_eq!(take(&mut other.requests(), 1).await.attempt(), 2);
    service.clean_up().await;
}

#[tokio::test]
async fn a_dead_letter_has_what_a_foreign_client_sent_and_why_it_failed() {
    let Some(service) = Service::new("foreign") else { return };
    let transport = service.connect().await;
    let mut requests = transport.requests();
    let mut headers = FieldTable::default();
    headers.insert("vehicles".into(), AMQPValue::ShortInt(12));
    headers.insert("broken".into(), AMQPValue::LongString("occamy:int:twelve".into()));
    let exchange = format!("{}-request", service.name);
    let (channel, properties) = (service.channel().await, BasicProperties::default().with_headers(headers));
    let options = BasicPublishOptions::default();
    channel
        .basic_publish(exchange.as_str().into(), "any.key".into(), options, b"body", properties)
        .await
        .unwrap();
    let error = timeout(SOON, requests.next(1)).await.unwrap().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidHeaders);
    let letter = service.dead_letter().await;
    let headers = letter.properties.headers().clone().unwrap();
    let value = |name: &str| headers.inner().get(name).unwrap();
    assert_eq!((value("vehicles"), &*letter.data), (&AMQPValue::LongLongInt(12), &b"body"[..]));
    assert_eq!(value(header::KIND), &AMQPValue::LongString("invalid_headers".into()));
    assert_eq!(value(header::ORIGIN), &AMQPValue::LongString(exchange.into()));
    service.clean_up().await;
}

#[tokio::test]
async fn a_request_that_is_dropped_comes_again_at_once_and_is_counted() {
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
async fn a_request_that_no_queue_takes_is_an_error_until_a_server_declares_one() {
    let Some(service) = Service::new("unrouted") else { return };
    let transport = service.connect().await;
    let queue = format!("{}-request", service.name);
    let channel = service.channel().await;
    channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    let error = transport.publisher().request(Headers::new(), Bytes::new()).await.unwrap_err();
    assert!(matches!(&error, PublishError::Broker(_)), "{error}");
    assert!(error.to_string().contains("no queue takes it"), "{error}");
    let server = service.connect().await;
    send(&transport, "request").await;
    take(&mut server.requests(), 1).await.ack().await.unwrap();
    service.clean_up().await;
}

#[tokio::test]
async fn a_channel_that_rabbitmq_closes_over_one_message_is_opened_anew_for_the_next() {
    let Some(service) = Service::new("closed") else { return };
    let transport = service.connect().await;
    let mut requests = transport.requests();
    let exchange = format!("{}-control", service.name);
    let channel = service.channel().await;
    channel.exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default()).await.unwrap();
    let error = transport.publisher().control(Headers::new(), Bytes::new()).await.unwrap_err();
    assert!(matches!(&error, PublishError::Broker(_)), "{error}");
    send(&transport, "request").await;
    take(&mut requests, 1).await.ack().await.unwrap();
    service.clean_up().await;
}

#[tokio::test]
async fn what_can_not_be_sent_is_an_error_that_says_why() {
    let Some(service) = Service::new("unsent") else { return };
    let transport = service.builder().max_body(1_000).connect().await.unwrap();
    let publisher = transport.publisher();
    let error = publisher.request(Headers::new(), vec![0; 1_001].into()).await.unwrap_err();
    assert!(matches!(error, PublishError::TooLarge { size: 1_001, limit: 1_000 }), "{error}");
    let large = Headers::new().with("large", "x".repeat(130_000));
    let error = publisher.try_control(large, Bytes::new()).unwrap_err().to_string();
    assert!(error.contains("frame_max"), "{error}");
    let long = Headers::new().with("x".repeat(256), 1);
    let error = publisher.request(long, Bytes::new()).await.unwrap_err().to_string();
    assert!(error.contains("255"), "{error}");
    // What is just small enough arrives, also as a dead letter.
    let headers = Headers::new().with("large", "x".repeat(120_000));
    publisher.request(headers.clone(), Bytes::new()).await.unwrap();
    let request = take(&mut transport.requests(), 1).await;
    assert_eq!(request.headers(), &headers);
    let error = Error::new(ErrorKind::UnknownTask, "ö".repeat(5_000));
    request.settle(Verdict::Failed(error)).await.unwrap();
    service.dead_letter().await;
    service.clean_up().await;
}

#[tokio::test]
async fn an_outbox_is_sent_in_order_before_a_transport_closes() {
    let Some(service) = Service::new("outbox") else { return };
    let (transport, other) = (service.connect().await, service.connect().await);
    let (publisher, mut controls) = (transport.publisher(), other.controls());
    for number in 0..500 {
        publisher.try_control(Headers::new().with("number", Value::Integer(number)), Bytes::new()).unwrap();
    }
    transport.drain().await;
    transport.close().await.unwrap();
    let late = publisher.request(Headers::new(), Bytes::new()).await;
    assert!(matches!(late, Err(PublishError::Closed)), "{late:?}");
    for number in 0..500 {
        let message = timeout(SOON, controls.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(message.headers().integer("number"), Ok(number));
        message.ack().await.unwrap();
    }
    service.clean_up().await;
}

#[tokio::test]
async fn a_transport_that_closes_in_order_tells_of_no_loss() {
    let Some(service) = Service::new("orderly") else { return };
    for _ in 0..20 {
        let (transport, monitor) = (service.connect().await, RecordingMonitor::new());
        transport.observe(Arc::new(monitor.clone()));
        let (_requests, _controls) = (transport.requests(), transport.controls());
        transport.drain().await;
        transport.close().await.unwrap();
        assert_eq!(monitor.take(), [Observation::Broker(BrokerEvent::Connected)]);
    }
    service.clean_up().await;
}

#[tokio::test]
async fn a_dead_letter_may_be_looked_at_as_often_as_anybody_likes() {
    let Some(service) = Service::new("looked-at") else { return };
    let transport = service.connect().await;
    send(&transport, "dead").await;
    take(&mut transport.requests(), 1).await.reject(false).await.unwrap();
    let (channel, queue) = (service.channel().await, format!("{}-dead", service.name));
    for _ in 0..50 {
        let message = channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await.unwrap();
        let requeue = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
        message.expect("it is still there").nack(requeue).await.unwrap();
    }
    service.dead_letter().await;
    service.clean_up().await;
}

#[tokio::test]
async fn a_transport_that_closes_leaves_no_queue_behind() {
    let Some(service) = Service::new("left") else { return };
    let transport = service.connect().await;
    transport.drain().await;
    transport.close().await.unwrap();
    let channel = service.channel().await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let (exchange, mandatory) = (format!("{}-control", service.name), true);
    let options = BasicPublishOptions { mandatory, ..BasicPublishOptions::default() };
    let sent = channel
        .basic_publish(exchange.as_str().into(), "".into(), options, b"", BasicProperties::default())
        .await
        .unwrap();
    assert!(sent.await.unwrap().take_message().is_some(), "nobody is left to hear it");
    service.clean_up().await;
}

/// What is returned comes before a confirmation, and not always before its own.
#[tokio::test]
async fn what_no_queue_takes_is_the_error_of_whoever_sent_it() {
    let Some(service) = Service::new("returned") else { return };
    let (transport, channel) = (service.connect().await, service.channel().await);
    let mut requests = transport.requests();
    let all = 100;
    for number in 0..all {
        send(&transport, &number.to_string()).await;
    }
    let mut held = Vec::new();
    for number in 0..all {
        held.push(take(&mut requests, all - number).await);
    }
    let dead = format!("{}-dead", service.name);
    channel.queue_delete(dead.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    let publisher = transport.publisher();
    let (mut buried, mut sent) = (Vec::new(), Vec::new());
    for request in held {
        buried.push(tokio::spawn(request.reject(false)));
        for _ in 0..3 {
            sent.push(tokio::spawn(publisher.request(Headers::new(), Bytes::from("another"))));
            sent.push(tokio::spawn(publisher.control(Headers::new(), Bytes::from("control"))));
        }
    }
    for letter in sent {
        letter.await.unwrap().unwrap();
    }
    for letter in buried {
        let error = letter.await.unwrap().unwrap_err();
        assert!(error.message().contains("no queue takes it"), "{error}");
    }
    service.clean_up().await;
}

/// Others leave no room for our headers, and may send what takes more in our words.
#[tokio::test]
async fn headers_that_fill_a_frame_do_not_end_the_connection() {
    let Some(service) = Service::new("full-frame") else { return };
    let (transport, channel) = (service.connect().await, service.channel().await);
    let monitor = RecordingMonitor::new();
    transport.observe(Arc::new(monitor.clone()));
    let mut requests = transport.requests();
    let text = AMQPValue::LongString("x".repeat(129_500).as_str().into());
    let bytes = AMQPValue::FieldArray(vec![AMQPValue::ShortShortInt(7); 40_000].into());
    let why = Error::new(ErrorKind::UnknownTask, "y".repeat(header::MAX_REASON));
    for (value, verdict, kept) in
        [(text, Verdict::Failed(why), "large"), (bytes, retry(Duration::from_millis(10)), header::REASON)]
    {
        let mut headers = FieldTable::default();
        headers.insert("large".into(), value);
        let properties = BasicProperties::default().with_headers(headers);
        let (exchange, options) = (format!("{}-request", service.name), BasicPublishOptions::default());
        channel
            .basic_publish(exchange.as_str().into(), "".into(), options, b"body", properties)
            .await
            .unwrap();
        take(&mut requests, 1).await.settle(verdict).await.unwrap();
        let dead = service.dead_letter().await;
        assert_eq!(dead.data, b"body");
        assert!(dead.properties.headers().as_ref().unwrap().contains_key(kept), "{kept}");
    }
    assert_eq!(monitor.take(), [Observation::Broker(BrokerEvent::Connected)]);
    service.clean_up().await;
}
