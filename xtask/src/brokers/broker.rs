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
    #[value(name = "rabbitmq", alias = "amqp")]
    RabbitMq,
    /// Kafka, a single node.
    Kafka,
    /// Redis, for the example `custom_transport`.
    Redis,
}

impl Broker {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nats => "nats",
            Self::RabbitMq => "rabbitmq",
            Self::Kafka => "kafka",
            Self::Redis => "redis",
        }
    }

    /// The variable that points at a server, for tests and examples.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Nats => "OCCAMY_NATS_URL",
            Self::RabbitMq => "OCCAMY_AMQP_URL",
            Self::Kafka => "OCCAMY_KAFKA_URL",
            Self::Redis => "OCCAMY_REDIS_URL",
        }
    }

    pub(crate) fn url(self, port: u16) -> String {
        format!("{}{port}", self.prefix())
    }

    /// The port of a URL that looks as ours do: of this machine, and without credentials.
    pub(crate) fn port(self, url: &str) -> Option<u16> {
        url.strip_prefix(self.prefix())?.parse().ok()
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Nats => "nats://127.0.0.1:",
            Self::RabbitMq => "amqp://127.0.0.1:",
            Self::Kafka => "kafka://127.0.0.1:",
            Self::Redis => "redis://127.0.0.1:",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_comes_out_of_a_url_of_ours_only() {
        let broker = Broker::RabbitMq;
        assert_eq!(broker.port(&broker.url(20_001)), Some(20_001));
        assert_eq!(broker.port("amqp://guest:guest@127.0.0.1:5672"), None);
        assert_eq!(broker.port("nats://127.0.0.1:4222"), None);
    }
}
