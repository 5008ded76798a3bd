//! Which brokers there are, and what each is called: on the command line, in a URL and in the environment.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A broker that can be had as a private server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Broker {
    /// NATS with JetStream.
    Nats,
    /// RabbitMQ.
    #[value(name = "rabbitmq")]
    RabbitMq,
    /// Kafka, a single node.
    Kafka,
}

impl Broker {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nats => "nats",
            Self::RabbitMq => "rabbitmq",
            Self::Kafka => "kafka",
        }
    }

    /// The variable that points at a server, for tests and examples.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Nats => "OCCAMY_NATS_URL",
            Self::RabbitMq => "OCCAMY_AMQP_URL",
            Self::Kafka => "OCCAMY_KAFKA_URL",
        }
    }

    pub(crate) fn url(self, port: u16) -> String {
        let scheme = match self {
            Self::Nats => "nats",
            Self::RabbitMq => "amqp",
            Self::Kafka => "kafka",
        };
        format!("{scheme}://127.0.0.1:{port}")
    }
}
