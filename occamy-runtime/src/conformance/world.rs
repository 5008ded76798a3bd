//! What a check works with: the subject, a service of its own, servers and peers, and the log of what they saw.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use occamy_core::transport::{ControlStream, Publisher, RequestStream, Transport};
use occamy_core::{Headers, Message, Monitor, NoopMonitor};
use tokio::time::timeout;

use super::failure::{Checked, Failure};
use super::log::Log;
use super::proxy::{Mode, Proxy};
use super::serving::{Serving, Work};
use super::subject::{Connection, DeadLetter, Subject};
use super::witness::Witness;

/// How long whatever should happen at once may take on a busy machine.
pub(super) const SOON: Duration = Duration::from_secs(10);

/// The surroundings of one check.
pub(super) struct World {
    pub(super) subject: Arc<dyn Subject>,
    pub(super) service: String,
    pub(super) log: Log,
    pub(super) seed: u64,
    proxies: Mutex<HashMap<String, Proxy>>,
}

impl World {
    pub(super) fn new(subject: Arc<dyn Subject>, service: String, seed: u64) -> Self {
        Self { subject, service, log: Log::new(), seed, proxies: Mutex::default() }
    }

    /// How a server of this name connects: through a proxy of its own, where there can be one.
    pub(super) async fn connection(&self, server: &str) -> Checked<Connection> {
        let address = match self.subject.address() {
            Some(broker) => {
                let proxy = Proxy::open_with(broker, |proxy| self.subject.advertised(proxy)).await?;
                let address = proxy.address();
                self.proxies().insert(server.to_owned(), proxy);
                Some(address)
            }
            None => None,
        };
        Ok(Connection::new(&*self.service, server, self.subject.lease(), address))
    }

    /// Connects a transport for a server of this name, and writes down what passes.
    pub(super) async fn transport(&self, connection: &Connection) -> Checked<Witness> {
        let connecting = timeout(3 * SOON, self.subject.connect(connection));
        let transport = connecting.await.map_err(|_| Failure("no connection within 30 s".into()))??;
        Ok(Witness::new(transport, self.log.clone(), &connection.server))
    }

    /// A server's end of a connection, without the server.
    pub(super) async fn peer(&self, name: &str) -> Checked<Peer> {
        let connection = self.connection(name).await?;
        let transport = self.transport(&connection).await?;
        transport.observe(Arc::new(NoopMonitor) as Arc<dyn Monitor>);
        let (requests, controls) = (transport.requests(), transport.controls());
        Ok(Peer { connection, log: self.log.clone(), requests, controls, transport })
    }

    /// A real server that serves: what its tasks do is said by `work`.
    pub(super) async fn server(self: &Arc<Self>, name: &str, slots: usize, work: Work) -> Checked<Serving> {
        Serving::start(self, name, slots, work).await
    }

    /// A client that is no server.
    pub(super) async fn client(&self) -> Checked<Arc<dyn Publisher>> {
        let connecting = timeout(3 * SOON, self.subject.client(&self.service));
        let client = connecting.await.map_err(|_| Failure("no client within 30 s".into()))??;
        Ok(Arc::from(client))
    }

    /// Disturbs the connection of a server.
    pub(super) fn disturb(&self, connection: &Connection, mode: Mode) {
        match self.proxies().get(&connection.server) {
            Some(proxy) => proxy.set(mode),
            None => self.subject.disturb(connection, mode),
        }
    }

    /// Makes a server unreachable for good, as if its process was killed.
    pub(super) fn vanish(&self, connection: &Connection) {
        if self.subject.in_process() {
            self.subject.vanish(connection);
        } else {
            self.disturb(connection, Mode::Refuse);
        }
    }

    /// Dead letters, as soon as there are so many.
    pub(super) async fn dead_letters(&self, count: usize, within: Duration) -> Checked<Vec<DeadLetter>> {
        let mut letters = Vec::new();
        let deadline = tokio::time::Instant::now() + within;
        loop {
            letters.extend(self.subject.take_dead_letters(&self.service).await?);
            if letters.len() >= count {
                return Ok(letters);
            }
            if tokio::time::Instant::now() > deadline {
                let seen = letters.len();
                return Err(self.log.failure(&format!(
                    "expected within {within:?}: {count} dead letters; there are {seen}"
                )));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn proxies(&self) -> MutexGuard<'_, HashMap<String, Proxy>> {
        self.proxies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A server's end of a connection, without the server: the check decides what becomes of each request.
pub(super) struct Peer {
    pub(super) connection: Connection,
    log: Log,
    pub(super) requests: Box<dyn RequestStream>,
    pub(super) controls: Box<dyn ControlStream>,
    pub(super) transport: Witness,
}

impl Peer {
    /// Ends the connection in order.
    pub(super) async fn close(self) -> Checked {
        let ended = timeout(3 * SOON, async {
            self.transport.drain().await;
            self.transport.close().await
        });
        ended.await.map_err(|_| Failure("a transport could not be closed within 30 s".into()))??;
        Ok(())
    }

    /// The next request, with this credit. Errors of the stream are written down and passed over.
    pub(super) async fn take(&mut self, credit: usize, within: Duration) -> Checked<Box<dyn Message>> {
        match self.take_if_any(credit, within).await? {
            Some(message) => Ok(message),
            None => {
                let server = &self.connection.server;
                Err(self.log.failure(&format!("expected within {within:?}: a request for server {server}")))
            }
        }
    }

    /// The next request, if one comes in this time.
    pub(super) async fn take_if_any(
        &mut self,
        credit: usize,
        within: Duration,
    ) -> Checked<Option<Box<dyn Message>>> {
        let next = async {
            loop {
                match self.requests.next(credit).await {
                    Ok(next) => return next,
                    // Whatever is wrong with a transport, it is not to keep the check from its time limit.
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        };
        match timeout(within, next).await {
            Ok(Some(message)) => Ok(Some(message)),
            Ok(None) => Err(self.log.failure("the stream of requests has ended by itself")),
            Err(_) => Ok(None),
        }
    }
}

/// Sends requests without headers, one after the other.
pub(super) async fn send<B: Into<Bytes>>(
    client: &Arc<dyn Publisher>,
    bodies: impl IntoIterator<Item = B>,
) -> Checked {
    for body in bodies {
        client.request(Headers::new(), body.into()).await?;
    }
    Ok(())
}
