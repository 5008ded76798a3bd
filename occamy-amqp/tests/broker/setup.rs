//! Exchanges and queues: declared, found, missing, different.

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use occamy_amqp::{ConnectError, Names, SetupError};
use occamy_core::transport::Transport;

use crate::support::{Service, send, take};

#[tokio::test]
async fn what_is_missing_is_declared_and_found_again() {
    let Some(service) = Service::new("declared") else { return };
    let first = service.connect().await;
    let _second = service.connect().await;
    let looks_only = service.builder().passive(true).connect().await.unwrap();
    send(&first, "kept until a server comes").await;
    let request = take(&mut looks_only.requests(), 1).await;
    assert_eq!((request.body().as_ref(), request.deliveries()), (&b"kept until a server comes"[..], Some(1)));
    request.ack().await.unwrap();
    service.clean_up().await;
}

#[tokio::test]
async fn what_is_missing_is_named_where_it_may_not_be_declared() {
    let Some(service) = Service::new("missing") else { return };
    let error = service.builder().passive(true).connect().await.unwrap_err();
    let ConnectError::Setup(SetupError::Missing { what }) = &error else { panic!("{error}") };
    assert_eq!(what, &format!("the queue {}-dead", service.name));
}

#[tokio::test]
async fn the_argument_that_differs_is_named() {
    let Some(service) = Service::new("differs") else { return };
    drop(service.connect().await);
    for (builder, argument) in [
        (service.builder().classic_queues(true), "x-queue-type"),
        (service.builder().delivery_limit(7), "x-delivery-limit"),
    ] {
        let error = builder.connect().await.unwrap_err();
        let ConnectError::Setup(SetupError::Differs { what, differences }) = &error else {
            panic!("{error}")
        };
        assert!(what.contains("the queue") && differences.contains(argument), "{error}");
    }
    service.clean_up().await;
}

#[tokio::test]
async fn classic_queues_serve_as_well_and_count_no_deliveries() {
    let Some(service) = Service::new("classic") else { return };
    let transport = service.builder().classic_queues(true).connect().await.unwrap();
    let mut requests = transport.requests();
    send(&transport, "request").await;
    let request = take(&mut requests, 1).await;
    assert_eq!((request.attempt(), request.deliveries()), (1, None));
    request.reject(false).await.unwrap();
    assert_eq!(service.dead_letter().await.data, b"request");
    service.clean_up().await;
}

#[tokio::test]
async fn names_can_be_overridden() {
    let Some(service) = Service::new("names") else { return };
    let mut names = Names::of(&service.name);
    names.request_queue = format!("{}-work", service.name);
    let transport = service.builder().names(names.clone()).connect().await.unwrap();
    send(&transport, "elsewhere").await;
    assert_eq!(take(&mut transport.requests(), 1).await.body(), "elsewhere");
    let channel = service.channel().await;
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let queue = names.request_queue.as_str();
    channel.queue_declare(queue.into(), options, FieldTable::default()).await.unwrap();
    channel.queue_delete(queue.into(), lapin::options::QueueDeleteOptions::default()).await.unwrap();
    service.clean_up().await;
}
