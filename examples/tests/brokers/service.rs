//! A service of a test's own at one of the brokers that the environment names, and the tests that are run at each of them.

use std::collections::BTreeMap;
use std::time::Duration;

use occamy_core::Headers;
use occamy_examples::broker::Broker;

use crate::process::BOUND;
use crate::{kafka, nats, rabbitmq};

/// Makes tests of these functions, which take a [`Service`]: one at each broker.
macro_rules! at_each_broker {
    ($($test:ident),+ $(,)?) => {
        at_each_broker! { @at nats Nats $($test)+ }
        at_each_broker! { @at rabbitmq RabbitMq $($test)+ }
        at_each_broker! { @at kafka Kafka $($test)+ }
    };
    (@at $module:ident $kind:ident $($test:ident)+) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $test() {
                    let kind = $crate::service::Kind::$kind;
                    let Some(service) = $crate::service::Service::fresh(kind, stringify!($test)) else { return };
                    super::$test(&service).await;
                    service.delete().await;
                }
            )+
        }
    };
}

/// The brokers there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Nats,
    RabbitMq,
    Kafka,
}

/// A service that nobody else uses.
pub(crate) struct Service {
    pub(crate) url: String,
    pub(crate) name: String,
    kind: Kind,
}

/// What became of a request that failed for good.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    /// Those that are text.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Kind {
    fn variable(self) -> &'static str {
        match self {
            Self::Nats => "OCCAMY_NATS_URL",
            Self::RabbitMq => "OCCAMY_AMQP_URL",
            Self::Kafka => "OCCAMY_KAFKA_URL",
        }
    }
}

impl Service {
    /// A fresh one, or, without such a broker, word of it that the test is skipped.
    pub(crate) fn fresh(kind: Kind, test: &str) -> Option<Self> {
        let name = format!("examples-{}", uuid::Uuid::new_v4().simple());
        Self::named(&name, kind, test)
    }

    /// One whose name is given.
    pub(crate) fn named(name: &str, kind: Kind, test: &str) -> Option<Self> {
        match std::env::var(kind.variable()) {
            Ok(url) if !url.is_empty() => Some(Self { url, name: name.to_owned(), kind }),
            _ => {
                eprintln!("skipped: {test} needs {kind:?}, whose URL is to be in {}", kind.variable());
                None
            }
        }
    }

    /// Sends a request, as any client would.
    pub(crate) async fn request(&self, headers: Headers, body: &str) {
        let broker: Broker = self.url.parse().unwrap();
        let client = broker.connect(&self.name, "client", None).await.unwrap();
        client.publisher().request(headers, body.to_owned().into()).await.unwrap();
        client.close().await.unwrap();
    }

    /// The next dead letter.
    pub(crate) async fn dead_letter(&self) -> DeadLetter {
        let waiting = async {
            match self.kind {
                Kind::Nats => nats::dead_letter(self).await,
                Kind::RabbitMq => rabbitmq::dead_letter(self).await,
                Kind::Kafka => kafka::dead_letter(self).await,
            }
        };
        tokio::time::timeout(BOUND, waiting).await.expect("there is a dead letter in time")
    }

    /// Waits until there are so many requests. Whether one that runs is counted depends on the broker.
    pub(crate) async fn until_requests(&self, expected: u64) {
        let waiting = async {
            while self.requests().await != expected {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let in_time = tokio::time::timeout(BOUND, waiting).await;
        in_time.unwrap_or_else(|_| panic!("not {expected} requests within {BOUND:?}"));
    }

    async fn requests(&self) -> u64 {
        match self.kind {
            Kind::Nats => nats::requests(self).await,
            Kind::RabbitMq => rabbitmq::requests(self).await,
            Kind::Kafka => kafka::requests(self).await,
        }
    }

    /// Leaves nothing behind.
    pub(crate) async fn delete(self) {
        match self.kind {
            Kind::Nats => nats::delete(&self).await,
            Kind::RabbitMq => rabbitmq::delete(&self).await,
            Kind::Kafka => kafka::delete(&self).await,
        }
    }
}
