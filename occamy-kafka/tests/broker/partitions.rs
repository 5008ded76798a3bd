//! Partitions that are added while a server runs.

use std::collections::BTreeSet;

use occamy_core::Verdict;
use occamy_core::transport::Transport;
use rdkafka::admin::{AdminOptions, NewPartitions};
use rdkafka::consumer::Consumer;
use tokio::time::timeout;

use crate::support::{PATIENCE, Service, next};

const REQUESTS: u8 = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_partition_that_is_added_no_more_is_fetched_than_there_is_room_for() {
    let Some(service) = Service::new("added") else { return };
    // A server that learns of it before it has looked itself.
    let builder = service.builder().setting("topic.metadata.refresh.interval.ms", "200");
    let transport = builder.connect().await.unwrap();
    let mut requests = transport.requests();
    service.write(0, b"first").await;
    let first = next(&mut *requests).await;
    add_partitions(&service, &service.topic(), 2).await;
    for number in 0..REQUESTS {
        service.write(1, &[number]).await;
    }
    let second = next(&mut *requests).await;
    // Now what is left is given back, which is to write it again; what is settled after that is written after it.
    transport.drain().await;
    first.settle(Verdict::Interrupted).await.unwrap();
    second.settle(Verdict::Interrupted).await.unwrap();
    drop(requests);
    transport.close().await.unwrap();
    let outsider = service.outsider();
    let end = |partition| outsider.fetch_watermarks(&service.topic(), partition, PATIENCE).unwrap().1;
    let written = end(0) + end(1) - 1 - i64::from(REQUESTS);
    assert_eq!(written, 2, "more than what was handed out was given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_partition_that_is_added_nothing_is_skipped() {
    let Some(service) = Service::new("added-all") else { return };
    let builder = service.builder().setting("topic.metadata.refresh.interval.ms", "200");
    let transport = builder.connect().await.unwrap();
    let mut requests = transport.requests();
    service.write(0, b"first").await;
    next(&mut *requests).await.settle(Verdict::Done).await.unwrap();
    add_partitions(&service, &service.topic(), 3).await;
    let mut missing = BTreeSet::new();
    for number in 0..REQUESTS {
        service.write(1 + i32::from(number % 2), &[number]).await;
        missing.insert(number);
    }
    while !missing.is_empty() {
        let request = next(&mut *requests).await;
        missing.remove(&request.body()[0]);
        request.settle(Verdict::Done).await.unwrap();
    }
    drop(requests);
    transport.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_messages_of_a_partition_that_is_added_arrive_once_from_the_first_on() {
    let Some(service) = Service::new("controls") else { return };
    let transport = service.builder().connect().await.unwrap();
    let mut controls = transport.controls();
    let topic = format!("{}-control", service.name);
    add_partitions(&service, &topic, 2).await;
    for number in 0..10_u8 {
        service.write_to(&topic, 1, &[number]).await;
    }
    service.write_to(&topic, 0, b"last").await;
    let mut seen = Vec::new();
    while seen.len() < 11 {
        let control = timeout(PATIENCE, controls.next()).await.expect("it arrives in time").unwrap().unwrap();
        seen.push(control.body().to_vec());
        control.settle(Verdict::Done).await.unwrap();
    }
    seen.retain(|body| body != b"last");
    assert_eq!(seen, (0..10).map(|number| vec![number]).collect::<Vec<_>>());
    drop(controls);
    transport.close().await.unwrap();
}

async fn add_partitions(service: &Service, topic: &str, count: usize) {
    let partitions = NewPartitions::new(topic, count);
    let added = service.admin().create_partitions([&partitions], &AdminOptions::new()).await.unwrap();
    assert!(added[0].is_ok(), "{added:?}");
}
