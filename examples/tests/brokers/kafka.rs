//! A service as Kafka itself shows it.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, StreamConsumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::process::BOUND;
use crate::service::{DeadLetter, Service};

pub(crate) async fn dead_letter(service: &Service) -> DeadLetter {
    let consumer: StreamConsumer = config(service).create().unwrap();
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(&format!("{}-dead", service.name), 0, Offset::Beginning).unwrap();
    consumer.assign(&partitions).unwrap();
    let letter = consumer.recv().await.unwrap();
    let headers = letter.headers().unwrap().iter();
    let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap_or_default().to_vec()).unwrap();
    DeadLetter {
        headers: headers.map(|header| (header.key.to_owned(), text(header.value))).collect(),
        body: text(letter.payload()),
    }
}

/// Running ones are counted.
pub(crate) async fn requests(service: &Service) -> u64 {
    // The first to ask for a group may have to wait until Kafka has a place for groups.
    let asking = {
        let (config, topic) = (config(service), format!("{}-request", service.name));
        tokio::task::spawn_blocking(move || unfinished(&config, &topic))
    };
    asking.await.unwrap()
}

/// All that is not below the committed offsets.
fn unfinished(config: &ClientConfig, topic: &str) -> u64 {
    let consumer: BaseConsumer = config.create().unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), BOUND).unwrap();
    let mut partitions = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        partitions.add_partition(topic, partition.id());
    }
    let committed = consumer.committed_offsets(partitions, BOUND).unwrap();
    let unfinished = committed.elements().into_iter().map(|partition| {
        let (first, end) = consumer.fetch_watermarks(topic, partition.partition(), BOUND).unwrap();
        end - partition.offset().to_raw().map_or(first, |offset| offset.max(first))
    });
    u64::try_from(unfinished.sum::<i64>()).unwrap()
}

pub(crate) async fn delete(service: &Service) {
    let admin: AdminClient<DefaultClientContext> = config(service).create().unwrap();
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)));
    // First the group, which goes by itself when its topics do. A service that nobody has served has none.
    let groups = [service.name.clone(), format!("{}-dead", service.name)];
    let _ = admin.delete_groups(&groups.each_ref().map(String::as_str), &options).await.unwrap();
    let topics = ["request", "control", "dead"].map(|topic| format!("{}-{topic}", service.name));
    for deleted in admin.delete_topics(&topics.each_ref().map(String::as_str), &options).await.unwrap() {
        deleted.unwrap();
    }
}

/// Clients that belong to no group, and may ask for the service's.
fn config(service: &Service) -> ClientConfig {
    let mut config = ClientConfig::new();
    let brokers = service.url.strip_prefix("kafka://").unwrap();
    config.set("bootstrap.servers", brokers).set("group.id", &service.name);
    config.set("enable.auto.commit", "false");
    config
}
