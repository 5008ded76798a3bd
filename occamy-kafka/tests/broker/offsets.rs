//! Offsets that go back: the log is another one than it was.

use futures_util::future::join_all;
use occamy_core::Verdict;
use occamy_core::transport::{RequestStream, Transport};
use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::timeout;

use crate::support::{PATIENCE, Service, next};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_out_of_turn_is_not_done_again_after_a_restart() {
    const REQUESTS: u8 = 60;
    let Some(service) = Service::new("restart") else { return };
    let transport = service.builder().connect().await.unwrap();
    let mut requests = transport.requests();
    let (mut open, mut settling) = (Vec::new(), Vec::new());
    for number in 0..REQUESTS {
        service.write(0, &[number]).await;
        let request = next(&mut *requests).await;
        if number % 2 == 0 { open.push(request) } else { settling.push(request.settle(Verdict::Done)) }
    }
    let settled = timeout(PATIENCE, join_all(settling)).await.expect("they are settled in time");
    assert!(settled.iter().all(Result::is_ok), "{settled:?}");
    drop(requests);
    transport.close().await.unwrap();
    drop(open);
    let transport = service.builder().connect().await.unwrap();
    let mut requests = transport.requests();
    for number in (0..REQUESTS).step_by(2) {
        let request = next(&mut *requests).await;
        assert_eq!(request.body()[..], [number]);
        request.settle(Verdict::Done).await.unwrap();
    }
    drop(requests);
    transport.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_leave_offsets_that_are_nobodys_and_no_gap() {
    let Some(service) = Service::new("transactions") else { return };
    let transport = service.builder().connect().await.unwrap();
    let (topic, producer) = (service.topic(), service.transactional());
    let written = tokio::task::spawn_blocking(move || {
        producer.init_transactions(PATIENCE).unwrap();
        for (body, commits) in [("first", true), ("never", false), ("second", true)] {
            producer.begin_transaction().unwrap();
            for _ in 0..2 {
                producer.send(BaseRecord::<(), _>::to(&topic).partition(0).payload(body)).unwrap();
            }
            producer.flush(PATIENCE).unwrap();
            let ended = if commits {
                producer.commit_transaction(PATIENCE)
            } else {
                producer.abort_transaction(PATIENCE)
            };
            ended.unwrap();
        }
    });
    written.await.unwrap();
    service.write(0, b"third").await;
    let mut requests = transport.requests();
    let mut taken = Vec::new();
    for body in ["first", "first", "second", "second", "third"] {
        let request = next(&mut *requests).await;
        assert_eq!(request.body(), body);
        taken.push(request);
    }
    let settled = taken.into_iter().rev().map(|request| request.settle(Verdict::Done));
    assert!(join_all(settled).await.iter().all(Result::is_ok));
    // Two records and the end of each transaction, and the last.
    assert_eq!(service.committed(), Offset::Offset(10));
    drop(requests);
    transport.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offset_committed_beyond_the_end_skips_nothing() {
    let Some(service) = Service::new("beyond") else { return };
    let transport = service.builder().connect().await.unwrap();
    for number in 0..3_u8 {
        service.write(0, &[number]).await;
    }
    let mut committed = TopicPartitionList::new();
    committed.add_partition_offset(&service.topic(), 0, Offset::Offset(100)).unwrap();
    service.outsider().commit(&committed, CommitMode::Sync).unwrap();
    let mut requests = transport.requests();
    for number in 0..3_u8 {
        let request = next(&mut *requests).await;
        assert_eq!(request.body()[..], [number]);
        request.settle(Verdict::Done).await.unwrap();
    }
    assert_eq!(service.committed(), Offset::Offset(3));
    drop(requests);
    transport.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_made_anew_while_a_server_runs_is_read_from_its_beginning() {
    let Some(service) = Service::new("anew") else { return };
    let builder = service.builder().setting("topic.metadata.refresh.interval.ms", "500");
    let transport = builder.connect().await.unwrap();
    let mut requests = transport.requests();
    do_some_and_make_anew(&service, &mut *requests).await;
    for number in 0..8_u8 {
        service.write(0, &[number]).await;
    }
    for number in 0..8_u8 {
        let request = next(&mut *requests).await;
        assert_eq!(request.body()[..], [number]);
        request.settle(Verdict::Done).await.unwrap();
    }
    drop(requests);
    transport.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_handed_back_to_a_topic_that_has_fewer_partitions_than_it_had() {
    let Some(service) = Service::new("fewer") else { return };
    let builder = service.builder().partitions(4).setting("topic.metadata.refresh.interval.ms", "500");
    let transport = builder.connect().await.unwrap();
    let mut requests = transport.requests();
    do_some_and_make_anew(&service, &mut *requests).await;
    service.write(0, b"new").await;
    next(&mut *requests).await.settle(Verdict::Interrupted).await.unwrap();
    assert_eq!(next(&mut *requests).await.body(), "new");
    drop(requests);
    transport.close().await.unwrap();
}

/// Has some requests done, deletes their topic, and creates it with a single partition.
async fn do_some_and_make_anew(service: &Service, requests: &mut dyn RequestStream) {
    // More than will be there then: the client goes on at its offset, if there is something.
    for _ in 0..20 {
        service.write(0, b"old").await;
        next(requests).await.settle(Verdict::Done).await.unwrap();
    }
    let (admin, topic, options) = (service.admin(), service.topic(), AdminOptions::new());
    admin.delete_topics(&[&topic], &options).await.unwrap();
    let create = async {
        let new = NewTopic::new(&topic, 1, TopicReplication::Fixed(1));
        loop {
            let created = admin.create_topics([&new], &options).await.unwrap().remove(0);
            // Who writes to it may have been quicker, and has the same.
            if matches!(created, Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists))) {
                break;
            }
        }
    };
    timeout(PATIENCE, create).await.unwrap();
}
