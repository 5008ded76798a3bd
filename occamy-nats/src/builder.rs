//! The settings of a transport and their defaults.

use std::path::PathBuf;
use std::time::Duration;

use occamy_core::transport::{Secret, SecretUrl};

use crate::connect::ConnectError;
use crate::names::Names;
use crate::transport::NatsTransport;

/// Builds a [`NatsTransport`]. Made by [`NatsTransport::builder`]; its `Debug` shows no credentials.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it connects"]
pub struct NatsBuilder {
    pub(crate) names: Names,
    pub(crate) client_name: String,
    pub(crate) urls: Vec<SecretUrl>,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) tls: Tls,
    pub(crate) domain: Option<String>,
    pub(crate) inbox_prefix: String,
    pub(crate) create: bool,
    pub(crate) replicas: usize,
    pub(crate) lease: Duration,
    pub(crate) pause: Duration,
    pub(crate) ping_interval: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) publish_timeout: Duration,
    pub(crate) outbox: usize,
    pub(crate) control_queue: usize,
}

/// How a program says who it is.
#[derive(Clone, Debug)]
pub(crate) enum Credentials {
    Password { user: String, password: Secret },
    Token(Secret),
    NKey(Secret),
    File(PathBuf),
}

/// What the program says about encryption, beside the scheme of the URL.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tls {
    pub(crate) required: bool,
    pub(crate) first: bool,
    pub(crate) roots: Vec<PathBuf>,
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
}

impl NatsBuilder {
    pub(crate) fn new(service: &str) -> Self {
        Self {
            names: Names::of(service),
            client_name: service.to_owned(),
            urls: Vec::new(),
            credentials: None,
            tls: Tls::default(),
            domain: None,
            // What every client of NATS takes.
            inbox_prefix: "_INBOX".into(),
            create: true,
            // What JetStream does unless told otherwise; more need a cluster.
            replicas: 1,
            // JetStream's own default for the ack wait.
            lease: Duration::from_secs(30),
            // Long enough for another server to come first, short enough not to be felt by a lone one.
            pause: Duration::from_millis(100),
            // Three of them, and a dead connection is found within half a minute.
            ping_interval: Duration::from_secs(8),
            // async-nats's own.
            connect_timeout: Duration::from_secs(5),
            // A reconnect takes a second or two; a caller that hears of it can't do better than try again.
            publish_timeout: Duration::from_secs(10),
            outbox: 1024,
            // What async-nats buffers for a subscription.
            control_queue: 65_536,
        }
    }

    /// Adds the URL of a server: `nats://host:4222`, or `tls://host:4222` for a connection that must be encrypted. Several
    /// URLs name the servers of one cluster. `nats://127.0.0.1:4222` if none is given.
    ///
    /// A user and password, or a token, may stand before an `@`, escaped as in every URL. They are used for all servers.
    pub fn url(mut self, url: impl Into<SecretUrl>) -> Self {
        self.urls.push(url.into());
        self
    }

    /// What this connection is called in the server's lists: best the name of the server. That of the service by default.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.client_name = name.into();
        self
    }

    /// Other names than those that follow from the service's.
    pub fn names(mut self, names: Names) -> Self {
        self.names = names;
        self
    }

    /// Says who this is by a user and a password. Comes before what stands in the URL.
    pub fn user_and_password(mut self, user: impl Into<String>, password: impl Into<Secret>) -> Self {
        self.credentials = Some(Credentials::Password { user: user.into(), password: password.into() });
        self
    }

    /// Says who this is by a token.
    pub fn token(mut self, token: impl Into<Secret>) -> Self {
        self.credentials = Some(Credentials::Token(token.into()));
        self
    }

    /// Says who this is by the seed of an NKey, which begins with `SU`.
    pub fn nkey(mut self, seed: impl Into<Secret>) -> Self {
        self.credentials = Some(Credentials::NKey(seed.into()));
        self
    }

    /// Says who this is by a credentials file, as `nsc` writes it: a JWT and the seed of an NKey. It is read again whenever
    /// the connection has to be built from the beginning.
    pub fn credentials_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.credentials = Some(Credentials::File(path.into()));
        self
    }

    /// Refuses to speak with a server that doesn't encrypt, whatever the scheme of the URL.
    pub fn require_tls(mut self) -> Self {
        self.tls.required = true;
        self
    }

    /// Encrypts from the first byte on, for servers with `handshake_first`. Implies [`require_tls`](Self::require_tls).
    pub fn tls_first(mut self) -> Self {
        self.tls.required = true;
        self.tls.first = true;
        self
    }

    /// Trusts the certificates in this PEM file, and no longer those that the system trusts. May be called several times.
    pub fn root_certificates(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls.roots.push(path.into());
        self
    }

    /// Shows the server this certificate, from PEM files with the chain and the key.
    pub fn client_certificate(mut self, chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.tls.identity = Some((chain.into(), key.into()));
        self
    }

    /// The JetStream domain, where it isn't that of the server that one connects to: behind a leaf node.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// What the subjects of answers begin with, for accounts that may not use `_INBOX`, which is the default.
    pub fn inbox_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.inbox_prefix = prefix.into();
        self
    }

    /// Whether streams and consumer are created where they are missing. True by default; with false it is an error that
    /// says which are.
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// On how many servers of a cluster each stream is kept, where it is created: 1 to 5, 1 by default.
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// How long a request stays with a server that gives no sign of life: the consumer's ack wait. 30 s by default, at
    /// least 1 s. All servers of a service need the same.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// About how long a request that was handed back waits before it is handed out again: one and a half times as long at
    /// most if it was interrupted, and half to one and a half times if there was no room for it. 100 ms by default, at least
    /// 10 ms.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// How long a connection may be silent before it is asked for a sign of life, of which three in a row may fail. 8 s by
    /// default, at least 100 ms.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval;
        self
    }

    /// How long it may take to connect to one server. 5 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a message may take to be sent, waiting for a new connection included. 10 s by default.
    pub fn publish_timeout(mut self, timeout: Duration) -> Self {
        self.publish_timeout = timeout;
        self
    }

    /// How many messages the outbox of `try_request` and `try_control` holds at most. At least 1; 1,024 by default.
    pub fn outbox(mut self, messages: usize) -> Self {
        self.outbox = messages.max(1);
        self
    }

    /// How many control messages wait for this server at most, of 64 MiB together at most. At least 1; 65,536 by default.
    /// When more come the oldest are dropped, which is
    /// [observed](occamy_core::Observation::ControlMessagesDropped).
    pub fn control_queue(mut self, messages: usize) -> Self {
        self.control_queue = messages.max(1);
        self
    }

    /// Connects, and creates or checks what the service needs. Can be called on any runtime, tokio's or not: the
    /// connection has a thread of its own.
    ///
    /// # Errors
    ///
    /// If no server can be reached or none lets us in, at once: whether to try again is up to the program. If a setting makes
    /// no sense. If a stream or the consumer is missing and may not be created, or differs from what is needed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the connection ends. Streams may have been created by then.
    pub async fn connect(self) -> Result<NatsTransport, ConnectError> {
        self.check()?;
        NatsTransport::connect(self).await
    }

    fn check(&self) -> Result<(), ConnectError> {
        self.names.check()?;
        let least = [
            ("lease", self.lease, Duration::from_secs(1)),
            ("pause", self.pause, Duration::from_millis(10)),
            ("ping interval", self.ping_interval, Duration::from_millis(100)),
            ("connect timeout", self.connect_timeout, Duration::from_millis(1)),
            ("publish timeout", self.publish_timeout, Duration::from_millis(1)),
        ];
        // More makes no sense, and times beyond it can't be reckoned with.
        const MOST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
        for (what, value, least) in least {
            if !(least..=MOST).contains(&value) {
                let why = format!("the {what} is {value:?}: at least {least:?} and at most {MOST:?}");
                return Err(ConnectError::Config(why));
            }
        }
        if !(1..=5).contains(&self.replicas) {
            return Err(ConnectError::Config(format!("{} replicas: NATS keeps 1 to 5", self.replicas)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_make_no_sense_are_errors() {
        let builder = || NatsBuilder::new("a");
        assert!(builder().check().is_ok());
        for (wrong, word) in [
            (builder().lease(Duration::ZERO), "lease"),
            (builder().pause(Duration::ZERO), "pause"),
            (builder().ping_interval(Duration::ZERO), "ping"),
            (builder().connect_timeout(Duration::ZERO), "connect"),
            (builder().publish_timeout(Duration::ZERO), "publish"),
            (builder().lease(Duration::MAX), "lease"),
            (builder().publish_timeout(Duration::MAX), "publish"),
            (builder().replicas(0), "replicas"),
            (builder().replicas(6), "replicas"),
            (NatsBuilder::new("a b"), "a b"),
        ] {
            let error = wrong.check().unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn no_credential_is_shown() {
        let builder = || NatsBuilder::new("a").url("nats://user:hunter2@host:4222");
        for shown in [
            builder(),
            builder().user_and_password("user", "hunter2"),
            builder().token("hunter2"),
            builder().nkey("hunter2"),
        ] {
            let shown = format!("{shown:?} {shown:#?}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
