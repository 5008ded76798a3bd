//! The settings of a transport and their defaults.

use std::path::PathBuf;
use std::time::Duration;

use occamy_core::transport::{Secret, SecretUrl};

use crate::connect::ConnectError;
use crate::names::Names;
use crate::transport::KafkaTransport;

/// Builds a [`KafkaTransport`]. Made by [`KafkaTransport::builder`]; its `Debug` shows no credentials.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it connects"]
pub struct KafkaBuilder {
    pub(crate) names: Names,
    pub(crate) client_name: String,
    pub(crate) url: SecretUrl,
    pub(crate) roots: Option<PathBuf>,
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    pub(crate) sasl_mechanism: String,
    pub(crate) settings: Vec<(String, Secret)>,
    pub(crate) create: bool,
    pub(crate) partitions: i32,
    pub(crate) replicas: i32,
    pub(crate) instance_id: Option<String>,
    pub(crate) session_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) publish_timeout: Duration,
    pub(crate) pause: Duration,
    pub(crate) gap_warning: Duration,
    pub(crate) max_message: usize,
    pub(crate) outbox: usize,
}

impl KafkaBuilder {
    pub(crate) fn new(service: &str) -> Self {
        Self {
            names: Names::of(service),
            client_name: service.to_owned(),
            url: SecretUrl::new("kafka://127.0.0.1:9092"),
            roots: None,
            identity: None,
            sasl_mechanism: "PLAIN".to_owned(),
            settings: Vec::new(),
            create: true,
            // As many servers can share the requests; more servers idle.
            partitions: 12,
            // As the brokers are configured.
            replicas: -1,
            instance_id: None,
            // Kafka's own default since 3.0.
            session_timeout: Duration::from_secs(45),
            connect_timeout: Duration::from_secs(10),
            // A reconnect takes a second or two; a caller that hears of it can't do better than try again.
            publish_timeout: Duration::from_secs(10),
            // Long enough not to spin, short enough not to be felt.
            pause: Duration::from_millis(100),
            // Longer than most tasks, shorter than most retentions.
            gap_warning: Duration::from_secs(30 * 60),
            // Kafka takes 1,048,588 bytes with everything around a record, and a dead letter is a little larger.
            max_message: 1_000_000,
            outbox: 1024,
        }
    }

    /// The brokers to begin with: `kafka://host:9092`, with commas between several, or `kafkas://` for connections that are
    /// encrypted, which needs the feature `tls`. A user and a password for SASL may stand once, before an `@`, escaped as in
    /// every URL. `kafka://127.0.0.1:9092` by default.
    pub fn url(mut self, url: impl Into<SecretUrl>) -> Self {
        self.url = url.into();
        self
    }

    /// What this client is called in the brokers' logs and quotas: best the name of the server. That of the service by
    /// default.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.client_name = name.into();
        self
    }

    /// Other names than those that follow from the service's.
    pub fn names(mut self, names: Names) -> Self {
        self.names = names;
        self
    }

    /// Trusts the certificates in this PEM file, and no longer those that the system trusts.
    pub fn root_certificates(mut self, path: impl Into<PathBuf>) -> Self {
        self.roots = Some(path.into());
        self
    }

    /// Shows the brokers this certificate, from PEM files with the chain and the key.
    pub fn client_certificate(mut self, chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.identity = Some((chain.into(), key.into()));
        self
    }

    /// How user and password are told, if the URL has them: `PLAIN`, which is the default, `SCRAM-SHA-256` or
    /// `SCRAM-SHA-512`, which need the feature `tls`.
    pub fn sasl_mechanism(mut self, mechanism: impl Into<String>) -> Self {
        self.sasl_mechanism = mechanism.into();
        self
    }

    /// Any setting of [librdkafka](https://docs.confluent.io/platform/current/clients/librdkafka/html/md_CONFIGURATION.html)
    /// for all of this transport's clients. It comes last, and can break what the crate promises.
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Whether topics are created where they are missing. True by default; with false it is an error that says which are.
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// How many partitions the topic of requests has, where it is created: so many servers can share them, and more idle.
    /// At least 1; 12 by default.
    pub fn partitions(mut self, partitions: u16) -> Self {
        self.partitions = i32::from(partitions.max(1));
        self
    }

    /// On how many brokers each topic is kept, where it is created. As the brokers are configured by default.
    pub fn replicas(mut self, replicas: u8) -> Self {
        self.replicas = i32::from(replicas.max(1));
        self
    }

    /// A name that this server keeps from one start to the next and that no other has, `group.instance.id`: then a restart
    /// within the session timeout moves no partition. If two have the same the one that came first gets no more requests, and
    /// its stream tells so by an error. None by default.
    pub fn instance_id(mut self, id: impl Into<String>) -> Self {
        self.instance_id = Some(id.into());
        self
    }

    /// How long the partitions of a server that gives no sign of life stay with it. 45 s by default; the brokers allow 6 s to
    /// 30 min unless they are configured otherwise.
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.session_timeout = timeout;
        self
    }

    /// How long it may take to find the brokers, and what the service needs. 10 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a message may take to be sent, waiting for a connection included. 10 s by default.
    pub fn publish_timeout(mut self, timeout: Duration) -> Self {
        self.publish_timeout = timeout;
        self
    }

    /// About how long a request that was handed back is kept before it is written again: half to one and a half times as
    /// long. 100 ms by default, at least 10 ms.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// How long finished records may wait for an earlier one of their partition that is not, before the log warns of it: about
    /// as long as tasks take at most. It warns again each time that has doubled. 30 minutes by default.
    ///
    /// Only the first unfinished record can be committed, and what is finished behind it is done once more if the server ends
    /// and there are too many for the commit's metadata. Whether the task hangs or is long, Kafka can't tell.
    pub fn gap_warning(mut self, age: Duration) -> Self {
        self.gap_warning = age;
        self
    }

    /// The largest message that is sent, headers and body together, in bytes. 1,000,000 by default; the brokers' limit is
    /// `message.max.bytes`, and has to be about 32 KiB larger. What others have sent is handed back and buried whatever its size.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self
    }

    /// How many messages the outbox of `try_request` and `try_control` holds at most. At least 1; 1,024 by default.
    pub fn outbox(mut self, messages: usize) -> Self {
        self.outbox = messages.max(1);
        self
    }

    /// Connects, and creates or looks for what the service needs. Can be called on any runtime, tokio's or not: the
    /// connection has threads of its own.
    ///
    /// # Errors
    ///
    /// If no broker can be reached or none lets us in, once the connect timeout is over: whether to try again is up to the
    /// program. If a setting makes no sense. If a topic is missing and may not be created.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the connection ends. Topics may have been created by then.
    pub async fn connect(self) -> Result<KafkaTransport, ConnectError> {
        self.check()?;
        KafkaTransport::connect(self).await
    }

    fn check(&self) -> Result<(), ConnectError> {
        self.names.check()?;
        let (millisecond, second) = (Duration::from_millis(1), Duration::from_secs(1));
        let bounds = [
            ("pause", self.pause, 10 * millisecond, 3_600 * second),
            ("session timeout", self.session_timeout, second, 3_600 * second),
            ("gap warning", self.gap_warning, second, Duration::MAX),
            ("connect timeout", self.connect_timeout, millisecond, 3_600 * second),
            ("publish timeout", self.publish_timeout, millisecond, 3_600 * second),
        ];
        for (what, value, least, most) in bounds {
            if !(least..=most).contains(&value) {
                return Err(ConnectError::Config(format!("the {what} is {value:?}: {least:?} to {most:?}")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_make_no_sense_are_errors() {
        let builder = || KafkaBuilder::new("a");
        assert!(builder().check().is_ok());
        for (wrong, word) in [
            (builder().pause(Duration::ZERO), "pause"),
            (builder().session_timeout(Duration::ZERO), "session"),
            (builder().gap_warning(Duration::ZERO), "gap"),
            (builder().connect_timeout(Duration::MAX), "connect"),
            (builder().publish_timeout(Duration::ZERO), "publish"),
            (KafkaBuilder::new("a b"), "a b"),
        ] {
            let error = wrong.check().unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn no_credential_is_shown() {
        let builder = KafkaBuilder::new("a").url("kafka://user:hunter2@host:9092");
        let builder = builder.setting("ssl.key.password", "hunter2");
        let shown = format!("{builder:?} {builder:#?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
