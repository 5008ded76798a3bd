//! A service of its own for each test, and the node as an operator sees it.

use std::time::Duration;

use occamy_core::Message;
use occamy_core::transport::RequestStream;
use occamy_kafka::{KafkaBuilder, KafkaTransport};
use rdkafka::ClientConfig;
use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::timeout;

use crate::common;

/// How long anything may take, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Service {
    address: String,
    pub(crate) name: String,
    producer: FutureProducer,
}

impl Service {
    /// A new one, if there is a node.
    pub(crate) fn new(test: &str) -> Option<Self> {
        let address = common::address()?;
        let name = format!("test-{test}-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &address).set("acks", "all").set("message.max.bytes", "2000000");
        // It is to know of partitions that are added.
        let producer = config.set("topic.metadata.refresh.interval.ms", "100").create().unwrap();
        Some(Self { address, name, producer })
    }

    pub(crate) fn builder(&self) -> KafkaBuilder {
        let builder = KafkaTransport::builder(&self.name).url(format!("kafka://{}", self.address));
        builder.session_timeout(Duration::from_secs(6)).partitions(1)
    }

    pub(crate) fn topic(&self) -> String {
        format!("{}-request", self.name)
    }

    pub(crate) fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new().set("bootstrap.servers", &self.address).create().unwrap()
    }

    /// A consumer of the service's group that never joins it.
    pub(crate) fn outsider(&self) -> BaseConsumer {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.address).set("group.id", &self.name);
        config.set("enable.auto.commit", "false").create().unwrap()
    }

    /// What is committed of the first partition.
    pub(crate) fn committed(&self) -> Offset {
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition(&self.topic(), 0);
        self.outsider().committed_offsets(partitions, PATIENCE).unwrap().elements()[0].offset()
    }

    /// A producer that writes in transactions.
    pub(crate) fn transactional(&self) -> BaseProducer {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.address).set("transactional.id", &self.name).create().unwrap()
    }

    /// Writes a request as any client would.
    pub(crate) async fn write(&self, partition: i32, body: &[u8]) {
        self.write_to(&self.topic(), partition, body).await;
    }

    pub(crate) async fn write_to(&self, topic: &str, partition: i32, body: &[u8]) {
        let record = || FutureRecord::<(), _>::to(topic).partition(partition).payload(body);
        let written = async {
            loop {
                match self.producer.send(record(), PATIENCE).await {
                    Ok(_) => break,
                    Err((error, _)) => eprintln!("{error}"),
                }
            }
        };
        timeout(PATIENCE, written).await.expect("a record is written in time");
    }
}

/// The next request, for which there is room.
pub(crate) async fn next(requests: &mut dyn RequestStream) -> Box<dyn Message> {
    let next = async {
        loop {
            match requests.next(1).await {
                Ok(request) => break request.expect("the stream goes on"),
                // Topics that come and go are errors meanwhile.
                Err(error) => eprintln!("{error}"),
            }
        }
    };
    timeout(PATIENCE, next).await.expect("a request comes in time")
}
