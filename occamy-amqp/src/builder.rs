//! The settings of a transport and their defaults.

use std::path::PathBuf;
use std::time::Duration;

use occamy_core::transport::SecretUrl;

use crate::connect::ConnectError;
use crate::names::Names;
use crate::transport::AmqpTransport;

/// Builds an [`AmqpTransport`]. Made by [`AmqpTransport::builder`]; its `Debug` shows no credentials.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it connects"]
pub struct AmqpBuilder {
    pub(crate) names: Names,
    pub(crate) client_name: String,
    pub(crate) url: SecretUrl,
    pub(crate) roots: Vec<PathBuf>,
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    pub(crate) passive: bool,
    pub(crate) classic: bool,
    pub(crate) delivery_limit: u32,
    pub(crate) consumer_timeout: Option<Duration>,
    pub(crate) control_expiry: Duration,
    pub(crate) heartbeat: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) publish_timeout: Duration,
    pub(crate) pause: Duration,
    pub(crate) max_body: usize,
    pub(crate) outbox: usize,
}

impl AmqpBuilder {
    pub(crate) fn new(service: &str) -> Self {
        Self {
            names: Names::of(service),
            client_name: service.to_owned(),
            url: SecretUrl::new("amqp://127.0.0.1:5672"),
            roots: Vec::new(),
            identity: None,
            passive: false,
            classic: false,
            // What kills its server is given up by the server's own `max_deliveries`, long before.
            delivery_limit: 100_000,
            consumer_timeout: None,
            // Longer than a restart takes, short enough that the queues of dead servers don't pile up.
            control_expiry: Duration::from_secs(5 * 60),
            // Two of them, and a dead connection is found within half a minute. RabbitMQ advises 5 to 20 s.
            heartbeat: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            // A reconnect takes a second or two; a caller that hears of it can't do better than try again.
            publish_timeout: Duration::from_secs(10),
            // Long enough for another server to come first, short enough not to be felt by a lone one.
            pause: Duration::from_millis(100),
            // RabbitMQ 4's own default, `max_message_size`. 3.10 takes 128 MiB.
            max_body: 16 << 20,
            outbox: 1024,
        }
    }

    /// The URL of the server: `amqp://user:password@host:5672/vhost`, or `amqps://` for a connection that is encrypted. User
    /// and password are `guest` if none are given, the virtual host is `/`. Names are escaped as in every URL.
    /// `amqp://127.0.0.1:5672` by default.
    pub fn url(mut self, url: impl Into<SecretUrl>) -> Self {
        self.url = url.into();
        self
    }

    /// What this connection is called in RabbitMQ's lists: best the name of the server. That of the service by default.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.client_name = name.into();
        self
    }

    /// Other names than those that follow from the service's.
    pub fn names(mut self, names: Names) -> Self {
        self.names = names;
        self
    }

    /// Trusts the certificates in this PEM file, beside those that the system trusts. May be called several times.
    pub fn root_certificates(mut self, path: impl Into<PathBuf>) -> Self {
        self.roots.push(path.into());
        self
    }

    /// Shows the server this certificate, from PEM files with the chain and the key.
    pub fn client_certificate(mut self, chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.identity = Some((chain.into(), key.into()));
        self
    }

    /// Declares nothing, and only looks whether the exchanges and queues are there: for users who may not configure. The
    /// server's own queue of control messages is declared all the same. False by default.
    pub fn passive(mut self, passive: bool) -> Self {
        self.passive = passive;
        self
    }

    /// Declares classic queues instead of quorum queues: quicker on a single node, and lost with its disk. RabbitMQ doesn't
    /// count their deliveries. All servers of a service need the same. False by default.
    pub fn classic_queues(mut self, classic: bool) -> Self {
        self.classic = classic;
        self
    }

    /// How often RabbitMQ itself hands out a request before it gives it up, where it declares the queue: see the
    /// [crate's documentation](crate). At least 1; 100,000 by default. Classic queues have no such limit.
    pub fn delivery_limit(mut self, deliveries: u32) -> Self {
        self.delivery_limit = deliveries.max(1);
        self
    }

    /// How long a task may run before RabbitMQ takes its request away, where it declares the queue. It heeds that from 3.12
    /// on. By default it is as the server is configured.
    pub fn consumer_timeout(mut self, timeout: Duration) -> Self {
        self.consumer_timeout = Some(timeout);
        self
    }

    /// How long the queue of this server's control messages outlives the connection. 5 minutes by default, at least 1 s.
    pub fn control_expiry(mut self, expiry: Duration) -> Self {
        self.control_expiry = expiry;
        self
    }

    /// How often each side gives a sign of life: after two of them without one the connection is given up. 10 s by default;
    /// whole seconds, 1 to 1,000.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = interval;
        self
    }

    /// How long it may take to connect. 5 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a message may take to be sent and confirmed, waiting for a new connection included. 10 s by default.
    pub fn publish_timeout(mut self, timeout: Duration) -> Self {
        self.publish_timeout = timeout;
        self
    }

    /// About how long a request that was handed back waits before it is handed out again: one and a half times as long at
    /// most if it was interrupted, and half to one and a half times if there was no room for it. 100 ms by default, at least
    /// 10 ms.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// The largest body that is sent, in bytes. 16 MiB by default; RabbitMQ's own limit is `max_message_size`.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// How many messages the outbox of `try_request` and `try_control` holds at most. At least 1; 1,024 by default.
    pub fn outbox(mut self, messages: usize) -> Self {
        self.outbox = messages.max(1);
        self
    }

    /// Connects, and declares or looks for what the service needs. Can be called on any runtime, tokio's or not: the
    /// connection has threads of its own.
    ///
    /// # Errors
    ///
    /// If the server can't be reached or doesn't let us in, at once: whether to try again is up to the program. If a setting
    /// makes no sense. If an exchange or queue is missing and may not be declared, or is there with other arguments.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the connection ends. Exchanges and queues may have been declared by then.
    pub async fn connect(self) -> Result<AmqpTransport, ConnectError> {
        self.check()?;
        AmqpTransport::connect(self).await
    }

    fn check(&self) -> Result<(), ConnectError> {
        self.names.check()?;
        let second = Duration::from_secs(1);
        let least = [
            ("pause", self.pause, Duration::from_millis(10)),
            ("control expiry", self.control_expiry, second),
            ("heartbeat", self.heartbeat, second),
            ("connect timeout", self.connect_timeout, Duration::from_millis(1)),
            ("publish timeout", self.publish_timeout, Duration::from_millis(1)),
            ("consumer timeout", self.consumer_timeout.unwrap_or(second), second),
        ];
        for (what, value, least) in least {
            if value < least {
                return Err(ConnectError::Config(format!("the {what} is {value:?}: at least {least:?}")));
            }
        }
        if self.heartbeat > 1_000 * second {
            return Err(ConnectError::Config(format!(
                "the heartbeat is {:?}: at most 1,000 s",
                self.heartbeat
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_make_no_sense_are_errors() {
        let builder = || AmqpBuilder::new("a");
        assert!(builder().check().is_ok());
        for (wrong, word) in [
            (builder().pause(Duration::ZERO), "pause"),
            (builder().control_expiry(Duration::ZERO), "expiry"),
            (builder().heartbeat(Duration::ZERO), "heartbeat"),
            (builder().heartbeat(Duration::from_secs(1_001)), "heartbeat"),
            (builder().connect_timeout(Duration::ZERO), "connect"),
            (builder().publish_timeout(Duration::ZERO), "publish"),
            (builder().consumer_timeout(Duration::ZERO), "consumer"),
            (AmqpBuilder::new("amq.x"), "amq.x"),
        ] {
            let error = wrong.check().unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn no_credential_is_shown() {
        let builder = AmqpBuilder::new("a").url("amqp://user:hunter2@host");
        let shown = format!("{builder:?} {builder:#?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
