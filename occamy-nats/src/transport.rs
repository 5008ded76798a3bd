//! A server's connection with NATS.

use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt;
use occamy_core::transport::{
    ControlStream, DeadLetterError, DeadLetterStream, Publisher, RequestStream, Transport,
};
use occamy_core::{BoxFuture, Error, Monitor};
use occamy_transport::{IoThread, LinePublisher, Outbox};

use crate::builder::NatsBuilder;
use crate::connect::ConnectError;
use crate::controls::Controls;
use crate::dead;
use crate::link::Link;
use crate::pump;
use crate::session::Session;
use crate::setup::Streams;

/// A server's connection with NATS.
///
/// It ends with [`close`](Transport::close), or when it and both of its streams have been dropped. What is unsettled by
/// then is handed out again after the lease, and settling it later is an error.
///
/// The stream of requests returns an error for what can't be understood and has become a dead letter, and when the
/// consumer is gone and can't be had again. While the connection is away it waits. A settlement resolves when JetStream has
/// answered it.
pub struct NatsTransport {
    connection: Arc<Connection>,
    publisher: Arc<LinePublisher<Link>>,
    outbox: Outbox,
}

/// What transport and streams share.
pub(crate) struct Connection {
    pub(crate) link: Arc<Link>,
    /// Everything ends with it.
    _thread: IoThread,
}

/// What is on the shelf knows the connection, which has the shelf: neither would ever go.
impl Drop for Connection {
    fn drop(&mut self) {
        self.link.close();
    }
}

impl NatsTransport {
    /// The settings of a connection for a service of this name, with their defaults.
    pub fn builder(service: &str) -> NatsBuilder {
        NatsBuilder::new(service)
    }

    pub(crate) async fn connect(builder: NatsBuilder) -> Result<Self, ConnectError> {
        let thread = IoThread::start("occamy-nats").map_err(ConnectError::Thread)?;
        let runtime = thread.handle().clone();
        let connecting = runtime.spawn(async move {
            let session = Session::open(&builder, Streams::Create).await?;
            Ok::<_, ConnectError>((builder, session))
        });
        // The thread lives as long as this future.
        let connected = connecting.await.map_err(|error| {
            ConnectError::Thread(std::io::Error::other(format!("it came to a bad end: {error}")))
        })?;
        let (builder, session) = connected?;
        let link = Link::new(builder, session.client.clone(), session.context.clone(), runtime);
        let (publisher, outbox) = LinePublisher::open(&link, &link.runtime, link.builder.outbox);
        link.runtime.spawn(pump::run(Arc::clone(&link), session));
        let connection = Arc::new(Connection { link, _thread: thread });
        Ok(Self { connection, publisher: Arc::new(publisher), outbox })
    }
}

impl Transport for NatsTransport {
    fn requests(&self) -> Box<dyn RequestStream> {
        Box::new(self.connection.link.shelf.stream(Arc::clone(&self.connection) as _))
    }

    fn controls(&self) -> Box<dyn ControlStream> {
        self.connection.link.controls.listen();
        Box::new(Controls(Arc::clone(&self.connection)))
    }

    fn publisher(&self) -> Arc<dyn Publisher> {
        Arc::clone(&self.publisher) as Arc<dyn Publisher>
    }

    fn dead_letters(&self) -> BoxFuture<'_, Result<Box<dyn DeadLetterStream>, DeadLetterError>> {
        dead::open(Arc::clone(&self.connection)).boxed()
    }

    fn observe(&self, monitor: Arc<dyn Monitor>) {
        self.connection.link.connectivity.observe(monitor);
    }

    fn drain(&self) -> BoxFuture<'_, ()> {
        async {
            self.connection.link.shelf.drain();
            self.connection.link.shelf.drained().await;
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.outbox.close().boxed()
    }
}

impl fmt::Debug for NatsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let link = &self.connection.link;
        f.debug_struct("NatsTransport")
            .field("settings", &link.builder)
            .field("connected", &link.connectivity.is_connected())
            .finish_non_exhaustive()
    }
}
