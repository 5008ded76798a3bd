//! A server's connection with RabbitMQ.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use occamy_core::transport::{
    ControlStream, DeadLetterError, DeadLetterStream, Publisher, RequestStream, Transport,
};
use occamy_core::{BoxFuture, Error, Monitor};
use occamy_transport::{IoThread, LinePublisher, Outbox};
use tokio::sync::mpsc;

use crate::builder::AmqpBuilder;
use crate::connect::ConnectError;
use crate::control::{Control, Controls};
use crate::dead;
use crate::link::Link;
use crate::pump;
use crate::session::Session;

/// A server's connection with RabbitMQ.
///
/// It ends with [`close`](Transport::close), or when it and both of its streams have been dropped. What is unsettled by
/// then RabbitMQ hands out again, and settling it later is an error.
///
/// The stream of requests returns an error for what can't be understood and has become a dead letter, and when a connection
/// that was lost can't be made anew for the moment. A settlement resolves when it is written; a dead letter's and a retry's
/// when what follows from the request has been confirmed.
pub struct AmqpTransport {
    connection: Arc<Connection>,
    publisher: Arc<LinePublisher<Link>>,
    outbox: Outbox,
    controls: Mutex<Option<mpsc::Receiver<Control>>>,
}

/// What transport and streams share.
pub(crate) struct Connection {
    pub(crate) link: Arc<Link>,
    /// Everything ends with it.
    _thread: IoThread,
}

/// What is on the shelf knows the link, which has the shelf: neither would ever go.
impl Drop for Connection {
    fn drop(&mut self) {
        drop(self.link.shelf.close());
        self.link.closed.cancel();
    }
}

impl AmqpTransport {
    /// The settings of a connection for a service of this name, with their defaults.
    pub fn builder(service: &str) -> AmqpBuilder {
        AmqpBuilder::new(service)
    }

    pub(crate) async fn connect(builder: AmqpBuilder) -> Result<Self, ConnectError> {
        let thread = IoThread::start("occamy-amqp").map_err(ConnectError::Thread)?;
        let runtime = thread.handle().clone();
        // One is on its way, the others wait at RabbitMQ.
        let (sender, controls) = mpsc::channel(1);
        let (bound, link) = (builder.outbox, Link::new(builder, runtime.clone(), sender));
        let connecting = runtime.spawn({
            let link = Arc::clone(&link);
            async move { Session::open(&link).await }
        });
        // The thread lives as long as this future.
        let session = connecting.await.map_err(|error| {
            ConnectError::Thread(std::io::Error::other(format!("it came to a bad end: {error}")))
        })??;
        link.set(Some(Arc::clone(&session.connection)));
        let (publisher, outbox) = LinePublisher::open(&link, &runtime, bound);
        runtime.spawn(pump::run(Arc::clone(&link), session));
        let connection = Arc::new(Connection { link, _thread: thread });
        Ok(Self { connection, publisher: Arc::new(publisher), outbox, controls: Mutex::new(Some(controls)) })
    }
}

impl Transport for AmqpTransport {
    fn requests(&self) -> Box<dyn RequestStream> {
        Box::new(self.connection.link.shelf.stream(Arc::clone(&self.connection) as _))
    }

    fn controls(&self) -> Box<dyn ControlStream> {
        self.connection.link.listens.store(true, Ordering::Relaxed);
        let messages = self.controls.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::new(Controls { messages, connection: Arc::clone(&self.connection) })
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

impl fmt::Debug for AmqpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let link = &self.connection.link;
        f.debug_struct("AmqpTransport")
            .field("settings", &link.builder)
            .field("connected", &link.connectivity.is_connected())
            .finish_non_exhaustive()
    }
}
