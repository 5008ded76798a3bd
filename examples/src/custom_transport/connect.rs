//! Connecting: what has to be known for it, what may go wrong, and what is set going.

use std::sync::Arc;
use std::time::Duration;

use occamy_core::transport::SecretUrl;
use occamy_transport::{IoThread, LinePublisher, Shelf};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::link::Link;
use super::names::Names;
use super::shared::Shared;
use super::transport::RedisTransport;
use super::{controls, leases, requests};

/// How many messages wait in the outbox at most.
const OUTBOX: usize = 1024;

/// How a server connects.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    url: SecretUrl,
    service: String,
    server: String,
    lease: Duration,
}

impl RedisOptions {
    /// For this server of this service: `redis://user:password@host:port/database`. Servers may have the same name.
    pub fn new(url: impl Into<SecretUrl>, service: impl Into<String>, server: impl Into<String>) -> Self {
        let lease = Duration::from_secs(30);
        Self { url: url.into(), service: service.into(), server: server.into(), lease }
    }

    /// How long a request stays with a server that gives no sign of life. 30 s by default, and the same for all servers of a
    /// service. One that can't reach Redis for longer may find that its requests run elsewhere.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(Duration::from_millis(100));
        self
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL isn't one of Redis.
    #[error("expected a URL as redis://user:password@host:port: {0}")]
    Url(#[source] redis::RedisError),
    /// There is no thread for the transport.
    #[error("the system has no thread for the transport: {0}")]
    Thread(#[source] std::io::Error),
    /// Redis can't be reached, or refuses.
    #[error("no connection with Redis: {0}")]
    Redis(#[source] redis::RedisError),
}

impl RedisTransport {
    /// Connects. What the service needs is created if it isn't there.
    ///
    /// # Errors
    ///
    /// If Redis can't be reached, or refuses. No error shows the password.
    pub async fn connect(options: RedisOptions) -> Result<Self, ConnectError> {
        let RedisOptions { url, service, server, lease } = options;
        let client = redis::Client::open(url.expose()).map_err(ConnectError::Url)?;
        let thread = IoThread::start("occamy-redis").map_err(ConnectError::Thread)?;
        let (runtime, names) = (thread.handle().clone(), Names::of(&service));
        let connecting = runtime.spawn({
            let names = names.clone();
            async move {
                let link = Link::connect(client, names.clone()).await?;
                let last = controls::last(&link.connections().await, &names.controls).await?;
                Ok((link, last))
            }
        });
        let connected = connecting.await.map_err(|error| ConnectError::Thread(error.into()))?;
        let (link, last_control) = connected.map_err(ConnectError::Redis)?;

        let shared = Arc::new(Shared {
            names,
            consumer: format!("{server}-{}", Uuid::new_v4().simple()),
            lease,
            runtime,
            link: Arc::new(link),
            leases: Arc::default(),
            shelf: Shelf::new(),
            closed: CancellationToken::new(),
        });
        let (runtime, link) = (thread.handle(), Arc::clone(&shared.link));
        let (publisher, outbox) = LinePublisher::open(&shared, runtime, OUTBOX);
        runtime.spawn(async move { link.keep().await });
        runtime.spawn(leases::keep(Arc::clone(&shared)));
        runtime.spawn(requests::fetch(Arc::clone(&shared)));
        Ok(Self { shared, publisher: Arc::new(publisher), outbox, last_control, _thread: thread })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        let options = RedisOptions::new("redis://user:hunter2@host", "demo", "server");
        assert!(!format!("{options:?} {options:#?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn what_is_no_url_is_an_error_that_does_not_show_it() {
        for url in ["hunter2", "amqp://user:hunter2@host", "redis://user:hunter2@host:x"] {
            let error = RedisTransport::connect(RedisOptions::new(url, "demo", "server")).await.unwrap_err();
            assert!(matches!(error, ConnectError::Url(_)), "{error:?}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
