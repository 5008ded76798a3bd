//! Ending, also while the brokers are away.

use std::time::Duration;

use futures_util::FutureExt;
use occamy_core::transport::Transport;
use occamy_core::{ErrorKind, Headers, Verdict};
use occamy_kafka::KafkaTransport;
use rdkafka::Offset;
use rdkafka::mocking::MockCluster;
use tokio::time::timeout;

use crate::support::{PATIENCE, Service, next};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transport_that_can_send_no_more_is_closed_all_the_same() {
    let brokers = MockCluster::new(1).unwrap();
    for topic in ["away-request", "away-control", "away-dead"] {
        brokers.create_topic(topic, 1, 1).unwrap();
    }
    let builder = KafkaTransport::builder("away").url(format!("kafka://{}", brokers.bootstrap_servers()));
    // What is on its way takes longer than the end may.
    let builder = builder.publish_timeout(Duration::from_secs(1)).setting("message.timeout.ms", "5000");
    let transport = builder.connect().await.unwrap();
    let mut controls = transport.controls();
    brokers.broker_down(1).unwrap();
    let publisher = transport.publisher();
    let (sent, _) = tokio::join!(publisher.request(Headers::new(), "never".into()), transport.close());
    assert!(sent.is_err());
    let ended = timeout(PATIENCE, controls.next()).await.expect("the stream ends in time").unwrap();
    assert!(ended.is_none());
}

/// Settled on a thread that knows no runtime, by somebody who doesn't wait for it, and just before the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_at_last_is_committed_though_nobody_waits_for_it() {
    let Some(service) = Service::new("last") else { return };
    let transport = service.builder().connect().await.unwrap();
    let mut requests = transport.requests();
    let mut taken = Vec::new();
    for number in 0..5 {
        service.write(0, &[number]).await;
        taken.push(next(&mut *requests).await);
    }
    // Fewer than are under way: their commit would wait for others.
    let done: Vec<_> = taken.drain(..2).collect();
    let settled = std::thread::spawn(|| {
        for request in done {
            drop(request.settle(Verdict::Done).now_or_never());
        }
    });
    settled.join().unwrap();
    drop(requests);
    transport.close().await.unwrap();
    assert_eq!(service.committed(), Offset::Offset(2));
    let error = taken.remove(0).settle(Verdict::Done).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MessageNotAcked);
}
