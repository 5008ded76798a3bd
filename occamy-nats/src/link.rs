//! What everything of one connection shares: the client, the leases, the shelf, and who is told what.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::{Client, Request as Question, RequestError, RequestErrorKind, Subject};
use bytes::Bytes;
use occamy_transport::{Connectivity, Intake, Shelf};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::builder::NatsBuilder;
use crate::controls::ControlQueue;
use crate::leases::Leases;
use crate::message::Request;
use crate::patience::Patience;

/// The shared part of a connection. Whoever has it doesn't keep the connection's thread alive.
pub(crate) struct Link {
    pub(crate) builder: NatsBuilder,
    pub(crate) connectivity: Connectivity,
    /// That of the connection's thread.
    pub(crate) runtime: Handle,
    /// Where settlements are handed over to it.
    pub(crate) intake: Intake,
    pub(crate) leases: Leases,
    /// Of those who wait for an answer without a timer. It ticks as leases are looked at.
    pub(crate) patience: Patience,
    pub(crate) shelf: Shelf<Request>,
    pub(crate) controls: ControlQueue,
    /// For the pump: it is time to look at the connection.
    pub(crate) look: Notify,
    /// For whoever looks for requests that can't be read.
    pub(crate) suspicious: Notify,
    /// Nothing goes on any more.
    pub(crate) closed: CancellationToken,
    /// Another client takes the place of one that has died. JetStream's context has a task of its own, so there is one of
    /// it for each client.
    client: Mutex<(Client, Context)>,
}

impl Link {
    pub(crate) fn new(builder: NatsBuilder, client: Client, context: Context, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            connectivity: Connectivity::new(true),
            intake: Intake::open(&runtime),
            runtime,
            leases: Leases::new(builder.lease),
            patience: Patience::default(),
            shelf: Shelf::new(),
            controls: ControlQueue::new(builder.control_queue),
            look: Notify::new(),
            suspicious: Notify::new(),
            closed: CancellationToken::new(),
            client: Mutex::new((client, context)),
            builder,
        })
    }

    pub(crate) fn client(&self) -> Client {
        self.lock().0.clone()
    }

    pub(crate) fn context(&self) -> Context {
        self.lock().1.clone()
    }

    pub(crate) fn replace(&self, client: Client, context: Context) {
        let dead = std::mem::replace(&mut *self.lock(), (client, context));
        drop(dead);
    }

    /// Nothing goes on from here on: whoever waits for something hears of it.
    pub(crate) fn close(&self) {
        drop(self.shelf.close());
        self.closed.cancel();
    }

    /// Sends a word of JetStream's and waits for its answer. Nobody there to answer is an error, too.
    pub(crate) async fn say(&self, to: Subject, word: Bytes, patience: Duration) -> Result<(), RequestError> {
        let question = Question::new().payload(word).timeout(Some(patience));
        self.client().send_request(to, question).await.map(drop)
    }

    /// The same without a timer. Whether there was an answer, before time was up.
    pub(crate) async fn say_anywhere(&self, to: Subject, word: Bytes) -> bool {
        let question = Question::new().payload(word).timeout(None);
        let (client, patience) = (self.client(), self.patience.begin());
        tokio::select! {
            biased;
            answer = client.send_request(to, question) => answer.is_ok(),
            () = patience.cancelled() => false,
            () = self.closed.cancelled() => false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, (Client, Context)> {
        // Nothing that holds the lock leaves it half changed.
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// JetStream, as the settings have it.
pub(crate) fn context(builder: &NatsBuilder, client: Client) -> Context {
    let timeout = Duration::from_secs(5);
    match &builder.domain {
        Some(domain) => ContextBuilder::new().timeout(timeout).domain(domain).build(client),
        None => ContextBuilder::new().timeout(timeout).build(client),
    }
}

/// Resolves when the server has taken everything that was sent before. The client's own `flush` resolves when it is written.
///
/// A request that nobody listens for is answered by the server itself, in turn.
pub(crate) async fn fence(client: &Client, patience: Duration) -> Result<(), RequestError> {
    let question = Question::new().payload(Bytes::new()).timeout(Some(patience));
    match client.send_request(client.new_inbox(), question).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == RequestErrorKind::NoResponders => Ok(()),
        Err(error) => Err(error),
    }
}
