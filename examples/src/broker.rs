//! Which broker a program works with, chosen by a URL, and how it gets there.

use std::fmt;
use std::str::FromStr;

use occamy_amqp::AmqpTransport;
use occamy_core::transport::{SecretUrl, Transport};
use occamy_kafka::KafkaTransport;
use occamy_nats::NatsTransport;
use occamy_runtime::memory::MemoryBroker;

/// A broker, as the scheme of its URL names it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Broker {
    /// The embedded broker, in this process and nowhere else: `memory:`.
    Memory,
    /// NATS JetStream: `nats://host:4222`, or `tls://host:4222` where it has to be encrypted.
    Nats(SecretUrl),
    /// RabbitMQ: `amqp://user:password@host:5672/vhost`, or `amqps://` where it has to be encrypted.
    Amqp(SecretUrl),
    /// Kafka: `kafka://host:9092`, with commas between several brokers, or `kafkas://user:password@host:9092` where it has to
    /// be encrypted, which needs the feature `kafka-tls`.
    Kafka(SecretUrl),
}

/// The schemes there are.
const SCHEMES: &str = "memory:, nats:, tls:, amqp:, amqps:, kafka: and kafkas:";

/// Why a URL names no broker, or none that is of use. It doesn't show the URL, which may hold a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// A URL of another kind.
    #[error("there is no transport for the scheme {0:?}: the schemes are {SCHEMES}")]
    UnknownScheme(String),
    /// No URL at all.
    #[error("expected a URL that begins with a scheme: the schemes are {SCHEMES}")]
    NoScheme,
    /// The embedded broker has no address.
    #[error("nothing may follow the colon of memory:, which has no address")]
    Address,
    /// The embedded broker has nobody outside of this process.
    #[error(
        "memory: is a broker within one process, which no other process can reach: give the URL of another"
    )]
    NotShared,
    /// This program was built without what encrypted connections with Kafka need.
    #[error("kafkas: needs a program that was built with `--features kafka-tls`")]
    NoKafkaTls,
}

impl Broker {
    /// Connects with the broker as a server of this service, under a name that no other server of the service has. A
    /// client does the same, and leaves the requests alone.
    ///
    /// `embedded` is what `memory:` means in this process.
    ///
    /// # Errors
    ///
    /// If the broker can't be reached, or if it is the embedded one and this process has none.
    pub async fn connect(
        &self,
        service: &str,
        name: &str,
        embedded: Option<&MemoryBroker>,
    ) -> anyhow::Result<Box<dyn Transport>> {
        match self {
            Self::Memory => Ok(Box::new(embedded.ok_or(BrokerError::NotShared)?.connect(name))),
            Self::Nats(url) => {
                let connecting = NatsTransport::builder(service).url(url.clone()).name(name).connect();
                Ok(Box::new(connecting.await?))
            }
            Self::Amqp(url) => {
                let connecting = AmqpTransport::builder(service).url(url.clone()).name(name).connect();
                Ok(Box::new(connecting.await?))
            }
            Self::Kafka(url) => {
                let connecting = KafkaTransport::builder(service).url(url.clone()).name(name).connect();
                Ok(Box::new(connecting.await?))
            }
        }
    }
}

/// Its URL, without a password.
impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Nats(url) | Self::Amqp(url) | Self::Kafka(url) => url.fmt(f),
        }
    }
}

impl FromStr for Broker {
    type Err = BrokerError;

    fn from_str(url: &str) -> Result<Self, BrokerError> {
        let (scheme, address) = url.split_once(':').ok_or(BrokerError::NoScheme)?;
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        // What has other characters may be a user with a password behind.
        if scheme.is_empty() || !scheme.bytes().all(letters) {
            return Err(BrokerError::NoScheme);
        }
        match scheme.to_ascii_lowercase().as_str() {
            "memory" if address.is_empty() => Ok(Self::Memory),
            "memory" => Err(BrokerError::Address),
            "nats" | "tls" => Ok(Self::Nats(url.into())),
            "amqp" | "amqps" => Ok(Self::Amqp(url.into())),
            "kafkas" if !cfg!(feature = "kafka-tls") => Err(BrokerError::NoKafkaTls),
            "kafka" | "kafkas" => Ok(Self::Kafka(url.into())),
            other => Err(BrokerError::UnknownScheme(other.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_embedded_broker_is_one_that_is_given() {
        let embedded = MemoryBroker::new();
        assert!(Broker::Memory.connect("service", "server", Some(&embedded)).await.is_ok());
        let error = Broker::Memory.connect("service", "server", None).await.err().unwrap();
        assert_eq!(error.downcast_ref(), Some(&BrokerError::NotShared));
    }

    #[test]
    fn the_scheme_names_the_broker() {
        assert_eq!("memory:".parse(), Ok(Broker::Memory));
        assert_eq!("Memory:".parse(), Ok(Broker::Memory));
        for (url, expected) in [
            ("nats://127.0.0.1:4222", Broker::Nats as fn(SecretUrl) -> Broker),
            ("tls://user:secret@host", Broker::Nats),
            ("amqp://user:secret@host/vhost", Broker::Amqp),
            ("amqps://127.0.0.1:5671", Broker::Amqp),
            ("kafka://user:secret@a:9092,b:9092", Broker::Kafka),
        ] {
            let broker: Broker = url.parse().unwrap();
            assert_eq!(broker, expected(url.into()));
            assert!(!format!("{broker} {broker:?}").contains("secret"));
        }
    }

    #[test]
    fn encrypted_connections_with_kafka_need_a_feature() {
        let url = "kafkas://user:secret@host:9093";
        let expected = if cfg!(feature = "kafka-tls") {
            Ok(Broker::Kafka(url.into()))
        } else {
            Err(BrokerError::NoKafkaTls)
        };
        assert_eq!(url.parse(), expected);
    }

    #[test]
    fn an_error_names_the_schemes_and_no_password() {
        for (url, expected) in [
            ("pigeon://user:secret@host", BrokerError::UnknownScheme("pigeon".into())),
            ("memory", BrokerError::NoScheme),
            ("", BrokerError::NoScheme),
            (":", BrokerError::NoScheme),
            ("us er:secret@host", BrokerError::NoScheme),
            ("memory:secret", BrokerError::Address),
            ("memory://", BrokerError::Address),
        ] {
            let error = url.parse::<Broker>().unwrap_err();
            assert_eq!(error, expected);
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("memory:") && !shown.contains("secret"), "{shown}");
        }
    }
}
