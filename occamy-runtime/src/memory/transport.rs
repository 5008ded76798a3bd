//! A server's connection with the embedded broker.

use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt;
use occamy_core::transport::{
    ControlMessage, ControlStream, DeadLetterError, DeadLetterStream, Observer, Publisher, RequestStream,
    Transport,
};
use occamy_core::{BoxFuture, Error, Message, MessageOrigin, Monitor};
use tokio::sync::Notify;

use super::MemoryBroker;
use super::dead::DeadLetters;
use super::link::Link;
use super::message::{Request, SYSTEM};
use super::outbox::Outbox;
use super::publisher::MemoryPublisher;

/// A server's connection with a [`MemoryBroker`].
///
/// It ends with [`close`](Transport::close), or when it and both of its streams have been dropped. What is unsettled by
/// then is handed out again at once, and settling it later is an error.
///
/// `next` of the stream of requests takes nothing ahead: a request is the server's when `next` returns it. It waits, and
/// returns no errors, while the broker is stopped or the connection cut. A settlement, too, is confirmed by the broker
/// when its future resolves.
pub struct MemoryTransport {
    connection: Arc<Connection>,
    publisher: Arc<MemoryPublisher>,
    outbox: Outbox,
}

/// What transport and streams share.
struct Connection {
    broker: MemoryBroker,
    id: u64,
    observer: Observer,
    requests: Arc<Notify>,
    controls: Arc<Notify>,
}

impl MemoryTransport {
    pub(super) fn new(broker: &MemoryBroker, name: Arc<str>) -> Self {
        broker.keep_time();
        let link = Link::new(name);
        let observer = link.observer.clone();
        let (requests, controls) = (Arc::clone(&link.requests), Arc::clone(&link.controls));
        let id = broker.change(|state| {
            let id = state.next_number();
            state.links.insert(id, link);
            id
        });
        let (publisher, outbox) = MemoryPublisher::new(broker.clone(), Some(id), observer.clone());
        let connection = Connection { broker: broker.clone(), id, observer, requests, controls };
        Self { connection: Arc::new(connection), publisher: Arc::new(publisher), outbox }
    }
}

/// The last of transport and streams is gone.
impl Drop for Connection {
    fn drop(&mut self) {
        self.broker.change(|state| state.forget(self.id));
    }
}

impl Transport for MemoryTransport {
    fn requests(&self) -> Box<dyn RequestStream> {
        Box::new(Requests(Arc::clone(&self.connection)))
    }

    fn controls(&self) -> Box<dyn ControlStream> {
        Box::new(Controls(Arc::clone(&self.connection)))
    }

    fn publisher(&self) -> Arc<dyn Publisher> {
        Arc::clone(&self.publisher) as Arc<dyn Publisher>
    }

    fn dead_letters(&self) -> BoxFuture<'_, Result<Box<dyn DeadLetterStream>, DeadLetterError>> {
        async {
            let (broker, publisher) = (self.connection.broker.clone(), self.publisher());
            let last = broker.change(|state| state.dead.last().map_or(0, |letter| letter.number));
            Ok(Box::new(DeadLetters { broker, publisher, after: 0, last }) as Box<dyn DeadLetterStream>)
        }
        .boxed()
    }

    fn observe(&self, monitor: Arc<dyn Monitor>) {
        if self.connection.observer.observe(monitor) {
            self.connection.broker.change(|state| state.announce());
        }
    }

    fn drain(&self) -> BoxFuture<'_, ()> {
        async { self.connection.broker.change(|state| state.drain(self.connection.id)) }.boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.outbox.close().boxed()
    }
}

impl fmt::Debug for MemoryTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTransport").field("id", &self.connection.id).finish_non_exhaustive()
    }
}

struct Requests(Arc<Connection>);

impl RequestStream for Requests {
    fn next(&mut self, credit: usize) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>> {
        let Connection { broker, id, observer, requests, .. } = &*self.0;
        async move {
            let mut asking = Asking { broker, link: *id, answered: false };
            let next = wait(requests, || broker.change(|state| state.next_request(*id, credit))).await;
            asking.answered = true;
            Ok(next.map(|handout| {
                let request = Request::new(broker.clone(), handout, observer.clone());
                Box::new(request) as Box<dyn Message>
            }))
        }
        .boxed()
    }
}

/// Nothing is left with a server that has stopped asking.
struct Asking<'a> {
    broker: &'a MemoryBroker,
    link: u64,
    answered: bool,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.broker.change(|state| state.stop_asking(self.link));
        }
    }
}

struct Controls(Arc<Connection>);

impl ControlStream for Controls {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>> {
        let Connection { broker, id, controls, .. } = &*self.0;
        async move {
            let next = wait(controls, || broker.change(|state| state.next_control(*id))).await;
            Ok(next.map(|(headers, body)| {
                let message = ControlMessage::new(Arc::unwrap_or_clone(headers), body);
                Box::new(message.with_origin(MessageOrigin::new(SYSTEM, "control"))) as Box<dyn Message>
            }))
        }
        .boxed()
    }
}

/// Waits until `look` finds something. Looks whenever it is woken.
async fn wait<T>(woken: &Notify, mut look: impl FnMut() -> Option<T>) -> T {
    loop {
        // It counts from here on, polled or not.
        let wake = woken.notified();
        if let Some(found) = look() {
            return found;
        }
        wake.await;
    }
}
