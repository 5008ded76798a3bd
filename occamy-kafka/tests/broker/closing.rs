//! Ending while the brokers are away.

use std::time::Duration;

use occamy_core::Headers;
use occamy_core::transport::Transport;
use occamy_kafka::KafkaTransport;
use rdkafka::mocking::MockCluster;
use tokio::time::timeout;

use crate::support::PATIENCE;

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
