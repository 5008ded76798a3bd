//! Kafka as a subject of the kit.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use occamy_core::Headers;
use occamy_core::transport::{Transport, text};
use occamy_kafka::{KafkaBuilder, KafkaTransport};
use occamy_runtime::conformance::{
    Answer, Channel, Connection, DeadLetter, Hostility, Misuse, Refusal, Subject, SubjectError,
};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::common::tls::{Shows, Tls};
use crate::mock::{self, Mock};
use crate::{common, hostile};

/// How long the node may take for anything, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A node on this machine that lets everybody in.
pub(crate) struct Kafka {
    address: SocketAddr,
    /// What listens there if it is no node.
    mock: Option<Mock>,
    /// Where it asks for a password.
    sasl: Option<String>,
    /// How far the dead letters of each service have been taken.
    taken: Mutex<HashMap<String, i64>>,
}

impl Kafka {
    /// The node that the environment names, or a mock.
    pub(crate) fn from_environment() -> Self {
        let (mock, address) = match common::named() {
            Some(address) => (
                None,
                address.parse().expect("OCCAMY_KAFKA_URL is kafka://, an address of numbers and a port"),
            ),
            None => {
                let mock = Mock::start();
                let address = mock.address;
                (Some(mock), address)
            }
        };
        Self { address, mock, sasl: common::sasl_address(), taken: Mutex::default() }
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.address.to_string());
        config
    }

    fn builder(&self, service: &str) -> KafkaBuilder {
        // The least that a node allows.
        KafkaTransport::builder(service).session_timeout(self.lease()).partitions(8)
    }
}

impl Subject for Kafka {
    fn name(&self) -> &str {
        if self.mock.is_some() { "kafka (librdkafka's mock)" } else { "kafka" }
    }

    fn broker(&self) -> &str {
        "kafka"
    }

    fn connect<'a>(&'a self, connection: &'a Connection) -> Answer<'a, Box<dyn Transport>> {
        Box::pin(async {
            let address = connection.address.unwrap_or(self.address);
            if let Some(mock) = &self.mock {
                mock.create_topics(&connection.service);
            }
            let builder = self.builder(&connection.service).name(&connection.server);
            let transport = builder.url(format!("kafka://{address}")).connect().await?;
            Ok(Box::new(transport) as Box<dyn Transport>)
        })
    }

    fn take_dead_letters<'a>(&'a self, service: &'a str) -> Answer<'a, Vec<DeadLetter>> {
        Box::pin(async move {
            let (config, topic) = (self.config(), format!("{service}-dead"));
            let from = self.taken.lock().unwrap_or_else(PoisonError::into_inner).get(service).copied();
            let read = tokio::task::spawn_blocking(move || read(config, &topic, from.unwrap_or(0)));
            let (letters, next) = read.await??;
            self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(service.to_owned(), next);
            Ok(letters)
        })
    }

    fn send_hostile<'a>(
        &'a self,
        service: &'a str,
        channel: Channel,
        hostility: Hostility,
        body: Bytes,
    ) -> Answer<'a, bool> {
        Box::pin(async move {
            let topic = match channel {
                Channel::Request => format!("{service}-request"),
                Channel::Control => format!("{service}-control"),
            };
            let Some(headers) = hostile::headers(hostility) else { return Ok(false) };
            let producer: FutureProducer = self.config().create()?;
            let record = FutureRecord::<(), _>::to(&topic).headers(headers).payload(&body[..]);
            producer.send(record, PATIENCE).await.map_err(|(error, _)| error)?;
            Ok(true)
        })
    }

    fn clean_up<'a>(&'a self, service: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            if self.mock.is_some() {
                return Ok(());
            }
            let admin: AdminClient<DefaultClientContext> = self.config().create()?;
            let topics = ["request", "control", "dead"].map(|name| format!("{service}-{name}"));
            let topics = topics.each_ref().map(String::as_str);
            // What isn't there, and what has members left, is no matter: the names are used once.
            admin.delete_topics(&topics, &AdminOptions::new()).await?;
            admin.delete_groups(&[service], &AdminOptions::new()).await?;
            Ok(())
        })
    }

    fn address(&self) -> Option<SocketAddr> {
        Some(self.address)
    }

    /// A node's address is said as a string and a number of 32 bits.
    fn advertised(&self, proxy: SocketAddr) -> Option<(Vec<u8>, Vec<u8>)> {
        let said = |address: SocketAddr| {
            let mut said = address.ip().to_string().into_bytes();
            said.extend_from_slice(&u32::from(address.port()).to_be_bytes());
            said
        };
        Some((said(self.address), said(proxy)))
    }

    fn connect_wrongly<'a>(&'a self, service: &'a str, misuse: &'a Misuse) -> Answer<'a, Refusal> {
        Box::pin(async move {
            let (builder, _tls) = match misuse {
                Misuse::WrongPassword { password } => {
                    let sasl = self.sasl.as_deref().unwrap_or_default();
                    (self.builder(service).url(format!("kafka://occamy:{password}@{sasl}")), None)
                }
                misuse => {
                    let shows = match misuse {
                        Misuse::WrongHostName => Shows::OtherHost,
                        Misuse::Expired => Shows::Expired,
                        _ => Shows::SelfSigned,
                    };
                    let tls = Tls::before(self.address, shows).await?;
                    let file = tempfile::NamedTempFile::new()?;
                    std::fs::write(&file, &tls.authority)?;
                    let builder = self.builder(service).url(format!("kafkas://{}", tls.address));
                    (builder.root_certificates(file.path()), Some((tls, file)))
                }
            };
            let mut shown = vec![format!("{builder:?} {builder:#?}")];
            let error = match builder.connect().await {
                Ok(transport) => {
                    shown.push(format!("{transport:?}"));
                    None
                }
                Err(error) => Some(SubjectError::from(error)),
            };
            Ok(Refusal { error, shown })
        })
    }

    fn max_body(&self) -> usize {
        1_000_000
    }

    fn lease(&self) -> Duration {
        Duration::from_secs(6)
    }

    fn not_applicable(&self, check: &str) -> Option<String> {
        if let (Some(_), Some(why)) = (&self.mock, mock::cannot(check)) {
            return Some(why.to_owned());
        }
        let why = "OCCAMY_KAFKA_SASL says no address that asks for a password";
        (check == "wrong_password" && self.sasl.is_none()).then(|| why.to_owned())
    }
}

/// The dead letters from this offset on, and the offset behind them.
fn read(config: ClientConfig, topic: &str, from: i64) -> Result<(Vec<DeadLetter>, i64), SubjectError> {
    let mut config = config;
    let consumer: BaseConsumer =
        config.set("group.id", "conformance").set("enable.auto.commit", "false").create()?;
    let (_, end) = consumer.fetch_watermarks(topic, 0, PATIENCE)?;
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(topic, 0, Offset::Offset(from))?;
    consumer.assign(&partitions)?;
    let (mut letters, mut next) = (Vec::new(), from);
    while next < end {
        let message = consumer.poll(PATIENCE).ok_or("dead letters can't be read")??;
        next = message.offset() + 1;
        letters.push(letter(&message)?);
    }
    Ok((letters, next))
}

/// As a client would read it that knows nothing of us but how headers are written.
fn letter(message: &BorrowedMessage<'_>) -> Result<DeadLetter, SubjectError> {
    let mut headers = Headers::new();
    for header in message.headers().into_iter().flat_map(|headers| headers.iter()) {
        headers.append(text::decode_name(header.key), text::decode_value(header.value.unwrap_or_default())?);
    }
    Ok(DeadLetter { headers, body: Bytes::copy_from_slice(message.payload().unwrap_or_default()) })
}
