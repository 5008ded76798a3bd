//! What everything of one connection shares: the client, the leases, the shelf, and who is told what.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::{Client, Request, RequestError, RequestErrorKind, Subject};
use bytes::Bytes;
use occamy_core::Error;
use occamy_core::transport::Observer;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::builder::NatsBuilder;
use crate::leases::Leases;
use crate::shelf::Shelf;

/// The shared part of a connection. Whoever has it doesn't keep the connection's thread alive.
pub(crate) struct Link {
    pub(crate) builder: NatsBuilder,
    pub(crate) observer: Observer,
    /// That of the connection's thread.
    pub(crate) runtime: Handle,
    pub(crate) leases: Leases,
    /// For the pump: the shelf has changed.
    pub(crate) changed: Notify,
    /// For whoever looks for requests that can't be read.
    pub(crate) suspicious: Notify,
    /// For whoever waits for the end of the delivery of requests.
    pub(crate) drained: Notify,
    /// For the stream of requests, and for the one of control messages.
    pub(crate) requests: Notify,
    pub(crate) controls: Notify,
    /// Another client takes the place of one that has died. JetStream's context has a task of its own, so there is one of
    /// it for each client.
    client: Mutex<(Client, Context)>,
    connected: watch::Sender<bool>,
    shelf: Mutex<Shelf>,
}

impl Link {
    pub(crate) fn new(builder: NatsBuilder, client: Client, context: Context, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            leases: Leases::new(builder.lease),
            builder,
            observer: Observer::new(),
            runtime,
            changed: Notify::new(),
            suspicious: Notify::new(),
            drained: Notify::new(),
            requests: Notify::new(),
            controls: Notify::new(),
            client: Mutex::new((client, context)),
            connected: watch::Sender::new(true),
            shelf: Mutex::default(),
        })
    }

    pub(crate) fn client(&self) -> Client {
        lock(&self.client).0.clone()
    }

    pub(crate) fn context(&self) -> Context {
        lock(&self.client).1.clone()
    }

    pub(crate) fn replace(&self, client: Client, context: Context) {
        let dead = std::mem::replace(&mut *lock(&self.client), (client, context));
        drop(dead);
    }

    pub(crate) fn is_connected(&self) -> bool {
        *self.connected.borrow()
    }

    pub(crate) fn set_connected(&self, connected: bool) {
        self.connected.send_replace(connected);
        self.observer.set_connected(connected);
    }

    /// Waits until the broker can be reached.
    pub(crate) async fn connected(&self) {
        // It is never closed, since this has the sending end.
        let _ = self.connected.subscribe().wait_for(|&connected| connected).await;
    }

    /// Waits until the broker can be reached, for so long at most. Tells whether it can.
    pub(crate) async fn connected_within(&self, patience: Duration) -> bool {
        timeout(patience, self.connected()).await.is_ok()
    }

    /// Whoever takes something off the shelf, or puts something on it, wakes who is concerned.
    pub(crate) fn shelf(&self) -> MutexGuard<'_, Shelf> {
        lock(&self.shelf)
    }

    /// Has the server hear of an error.
    pub(crate) fn fail(&self, error: Error) {
        self.shelf().fail(error);
        self.requests.notify_one();
    }

    /// Nothing goes on from here on: whoever waits for something hears of it.
    pub(crate) fn close(&self) {
        self.shelf().closed = true;
        for waiting in [&self.changed, &self.requests, &self.controls] {
            waiting.notify_one();
        }
        self.drained.notify_waiters();
    }

    /// Sends a word of JetStream's and waits for its answer. Nobody there to answer is an error, too.
    pub(crate) async fn say(&self, to: Subject, word: Bytes, patience: Duration) -> Result<(), RequestError> {
        let request = Request::new().payload(word).timeout(Some(patience));
        self.client().send_request(to, request).await.map(drop)
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
    let request = Request::new().payload(Bytes::new()).timeout(Some(patience));
    match client.send_request(client.new_inbox(), request).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == RequestErrorKind::NoResponders => Ok(()),
        Err(error) => Err(error),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that holds one of these locks leaves what is behind it half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
