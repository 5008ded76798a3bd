//! Streams and consumer: created, found, missing, different.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, RetentionPolicy};
use occamy_core::transport::Transport;
use occamy_nats::{ConnectError, SetupError};

use crate::support::{Service, send};

#[tokio::test]
async fn what_is_missing_is_created_and_found_again() {
    let Some(service) = Service::new("created") else { return };
    let first = service.connect().await;
    let _second = service.connect().await;
    let _checks_only = service.builder().create(false).connect().await.unwrap();
    send(&first, "kept until a server comes").await;
    let stream = service.jetstream().await.get_stream(format!("{}-request", service.name)).await.unwrap();
    let info = stream.cached_info();
    assert_eq!((info.config.retention, info.state.messages), (RetentionPolicy::WorkQueue, 1));
    let consumer = stream.consumer_info(&service.name).await.unwrap().config;
    assert_eq!((consumer.ack_wait, consumer.max_deliver), (Duration::from_secs(30), -1));
    service.clean_up().await;
}

#[tokio::test]
async fn what_is_missing_is_named_where_it_may_not_be_created() {
    let Some(service) = Service::new("missing") else { return };
    let error = service.builder().create(false).connect().await.unwrap_err();
    let ConnectError::Setup(SetupError::Missing { what }) = &error else { panic!("{error}") };
    assert_eq!(what, &format!("the stream {}-dead", service.name));
}

#[tokio::test]
async fn what_differs_is_named() {
    let Some(service) = Service::new("differs") else { return };
    drop(service.connect().await);
    let error = service.builder().lease(Duration::from_secs(60)).connect().await.unwrap_err().to_string();
    for expected in [format!("consumer {}", service.name), "ack_wait is 30s and has to be 60s".into()] {
        assert!(error.contains(&expected), "{error}");
    }

    let context = service.jetstream().await;
    let name = format!("{}-request", service.name);
    let stream = context.get_stream(&name).await.unwrap();
    let mut config = stream.consumer_info(&service.name).await.unwrap().config;
    stream.delete_consumer(&service.name).await.unwrap();
    config.max_batch = 1;
    stream.create_consumer(config).await.unwrap();
    let error = service.builder().connect().await.unwrap_err().to_string();
    assert!(error.contains("max_batch is 1 and has to be 1000"), "{error}");

    context.delete_stream(&name).await.unwrap();
    let other = Config {
        name: name.clone(),
        subjects: vec![format!("{name}.x")],
        max_age: Duration::from_secs(60),
        ..Config::default()
    };
    context.create_stream(other).await.unwrap();
    let error = service.builder().connect().await.unwrap_err().to_string();
    for expected in ["retention is Limits and has to be WorkQueue", "subjects is", "max_age is 60s", &name] {
        assert!(error.contains(expected), "{error}");
    }
    service.clean_up().await;
}

#[tokio::test]
async fn names_can_be_overridden() {
    let Some(service) = Service::new("names") else { return };
    let mut names = occamy_nats::Names::of(&service.name);
    names.request_subject = format!("eu.{}.requests", service.name);
    let transport = service.builder().names(names).connect().await.unwrap();
    send(&transport, "elsewhere").await;
    let mut requests = transport.requests();
    assert_eq!(crate::support::take(&mut requests, 1).await.body(), "elsewhere");
    service.clean_up().await;
}
