//! A server's connection with the embedded broker.

use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt;
use occamy_core::transport::{ControlStream, Publisher, RequestStream, Transport};
use occamy_core::{BoxFuture, BrokerEvent, Error, ErrorKind, Message, Monitor, Observation};
use tokio::sync::Notify;

use super::MemoryBroker;
use super::message::{Control, Observer, Request, tell};
use super::publisher::MemoryPublisher;
use super::state::{Connection, Handout};

/// A server's connection with a [`MemoryBroker`]. When it is dropped, with its streams, what it holds goes back.
pub struct MemoryTransport {
    link: Arc<Link>,
    publisher: Arc<MemoryPublisher>,
}

/// What transport and streams share.
struct Link {
    broker: MemoryBroker,
    id: u64,
    wake: Arc<Notify>,
    observer: Observer,
}

impl MemoryTransport {
    pub(super) fn new(broker: &MemoryBroker, name: Arc<str>) -> Self {
        let connection = Connection::new(name);
        let wake = Arc::clone(&connection.wake);
        let id = broker.change(|state| {
            let id = state.next_id();
            state.connections.insert(id, connection);
            id
        });
        let observer = Observer::default();
        let publisher = Arc::new(MemoryPublisher::new(broker.clone(), Arc::clone(&observer)));
        Self { link: Arc::new(Link { broker: broker.clone(), id, wake, observer }), publisher }
    }
}

impl Link {
    fn change<T: Default>(&self, change: impl FnOnce(&mut Connection) -> T) -> T {
        self.broker.change(|state| state.connections.get_mut(&self.id).map(change).unwrap_or_default())
    }

    /// Waits until `look` finds something.
    async fn wait<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        loop {
            let wake = self.wake.notified();
            tokio::pin!(wake);
            wake.as_mut().enable();
            if let Some(found) = look() {
                return found;
            }
            wake.await;
        }
    }
}

/// The last of transport and streams is gone: so is the connection.
impl Drop for Link {
    fn drop(&mut self) {
        self.broker.change(|state| {
            state.empty_inbox(self.id, 0);
            state.connections.remove(&self.id);
            state.collect_orphans();
        });
    }
}

impl Transport for MemoryTransport {
    fn requests(&self) -> Box<dyn RequestStream> {
        Box::new(Requests(Arc::clone(&self.link)))
    }

    fn controls(&self) -> Box<dyn ControlStream> {
        Box::new(Controls(Arc::clone(&self.link)))
    }

    fn publisher(&self) -> Arc<dyn Publisher> {
        Arc::clone(&self.publisher) as Arc<dyn Publisher>
    }

    fn observe(&self, monitor: Arc<dyn Monitor>) {
        if self.link.observer.set(monitor).is_ok() {
            tell(&self.link.observer, &Observation::Broker(BrokerEvent::Connected));
            let observer = Arc::downgrade(&self.link.observer);
            self.link.broker.change(|state| state.faults.observers.push((self.link.id, observer)));
        }
    }

    fn drain(&self) -> BoxFuture<'_, ()> {
        async {
            self.link.broker.change(|state| {
                state.empty_inbox(self.link.id, 0);
                if let Some(connection) = state.connections.get_mut(&self.link.id) {
                    connection.drained = true;
                    connection.wake.notify_waiters();
                }
            });
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        async {
            let flushed = self.publisher.flush().await;
            self.drain().await;
            self.link.change(|connection| {
                connection.closed = true;
                connection.wake.notify_waiters();
            });
            flushed.map_err(|error| {
                Error::new(ErrorKind::UnknownTask, "the outbox could not be sent").with_source(error)
            })
        }
        .boxed()
    }
}

impl fmt::Debug for MemoryTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTransport").field("id", &self.link.id).finish_non_exhaustive()
    }
}

struct Requests(Arc<Link>);

impl RequestStream for Requests {
    fn next(&mut self, credit: usize) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>> {
        let link = &self.0;
        async move {
            link.broker.change(|state| state.empty_inbox(link.id, credit));
            // Nothing is handed out to a server that has stopped asking.
            let _asking = Asking(link);
            let next: Option<Handout> = link
                .wait(|| {
                    link.change(|connection| {
                        if let Some(handout) = connection.inbox.pop_front() {
                            return Some(Some(handout));
                        }
                        connection.wants = true;
                        (connection.drained || connection.closed).then_some(None)
                    })
                })
                .await;
            Ok(next.map(|handout| {
                let request = Request::new(link.broker.clone(), link.id, handout, Arc::clone(&link.observer));
                Box::new(request) as Box<dyn Message>
            }))
        }
        .boxed()
    }
}

struct Asking<'a>(&'a Link);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.change(|connection| connection.wants = false);
    }
}

struct Controls(Arc<Link>);

impl ControlStream for Controls {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Box<dyn Message>>, Error>> {
        let link = &self.0;
        async move {
            let next = link
                .wait(|| {
                    link.change(|connection| match connection.controls.pop_front() {
                        Some(control) if !connection.cut => Some(Some(control)),
                        Some(control) => {
                            connection.controls.push_front(control);
                            None
                        }
                        None => connection.closed.then_some(None),
                    })
                })
                .await;
            Ok(next.map(|(headers, body)| Box::new(Control { headers, body }) as Box<dyn Message>))
        }
        .boxed()
    }
}
