//! Dead letters that are done with stay so, whatever Kafka forgets.

use occamy_core::transport::{DeadLetter, Transport};
use occamy_kafka::KafkaTransport;
use rdkafka::admin::AdminOptions;
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::timeout;

use crate::support::{PATIENCE, Service};

/// A service with so many dead letters, whose bodies are their numbers.
async fn buried(test: &str, count: u8) -> Option<(Service, KafkaTransport)> {
    let service = Service::new(test)?;
    let transport = service.builder().connect().await.unwrap();
    for number in 0..count {
        service.write_to(&format!("{}-dead", service.name), 0, &[number]).await;
    }
    Some((service, transport))
}

/// All that there are, by their numbers.
async fn all(transport: &KafkaTransport) -> Vec<(u8, Box<dyn DeadLetter>)> {
    let reading = async {
        let mut letters = transport.dead_letters().await.unwrap();
        let mut all = Vec::new();
        while let Some(letter) = letters.next().await.unwrap() {
            all.push((letter.body()[0], letter));
        }
        all
    };
    timeout(PATIENCE, reading).await.expect("they are read in time")
}

async fn remove(transport: &KafkaTransport, numbers: &[u8]) {
    for (number, letter) in all(transport).await {
        if numbers.contains(&number) {
            letter.remove().await.unwrap();
        }
    }
}

async fn left(transport: &KafkaTransport) -> Vec<u8> {
    all(transport).await.into_iter().map(|(number, _)| number).collect()
}

/// As Kafka does with the offsets of a group without members, by default a week after the last commit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_with_stays_so_when_the_offsets_are_forgotten() {
    let Some((service, transport)) = buried("forgotten", 4).await else { return };
    remove(&transport, &[0, 1]).await;
    let group = format!("{}-dead", service.name);
    let forgotten = service.admin().delete_groups(&[&group], &AdminOptions::new()).await.unwrap();
    assert_eq!(forgotten, [Ok(group)]);
    assert_eq!(left(&transport).await, [2, 3]);
    transport.close().await.unwrap();
}

/// As Kafka does with records that are too old.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_with_out_of_turn_stays_so_when_those_before_it_are_gone() {
    let Some((service, transport)) = buried("expired", 4).await else { return };
    remove(&transport, &[2]).await;
    let mut gone = TopicPartitionList::new();
    gone.add_partition_offset(&format!("{}-dead", service.name), 0, Offset::Offset(1)).unwrap();
    service.admin().delete_records(&gone, &AdminOptions::new()).await.unwrap();
    assert_eq!(left(&transport).await, [1, 3]);
    transport.close().await.unwrap();
}
