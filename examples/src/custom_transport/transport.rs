//! The transport: its two streams and its publisher, and how it ends.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt;
use occamy_core::transport::{ControlStream, Publisher, RequestStream, Transport};
use occamy_core::{BoxFuture, Error, Monitor};
use occamy_transport::{IoThread, LinePublisher, Outbox};

use super::controls::Controls;
use super::shared::Shared;

/// A server's connection with Redis. It ends when it is closed or dropped.
pub struct RedisTransport {
    pub(super) shared: Arc<Shared>,
    pub(super) publisher: Arc<LinePublisher<Shared>>,
    pub(super) outbox: Outbox,
    /// Where control messages are to be read from.
    pub(super) last_control: String,
    pub(super) _thread: IoThread,
}

impl Transport for RedisTransport {
    fn requests(&self) -> Box<dyn RequestStream> {
        Box::new(self.shared.shelf.stream(Arc::clone(&self.shared) as _))
    }

    fn controls(&self) -> Box<dyn ControlStream> {
        let (shared, last) = (Arc::clone(&self.shared), self.last_control.clone());
        Box::new(Controls { shared, last, read: VecDeque::new() })
    }

    fn publisher(&self) -> Arc<dyn Publisher> {
        Arc::clone(&self.publisher) as Arc<dyn Publisher>
    }

    fn observe(&self, monitor: Arc<dyn Monitor>) {
        self.shared.link.connectivity.observe(monitor);
    }

    fn drain(&self) -> BoxFuture<'_, ()> {
        async {
            self.shared.shelf.drain();
            self.shared.shelf.drained().await;
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        async {
            self.shared.shelf.drain();
            self.outbox.close().await
        }
        .boxed()
    }
}

/// Its thread ends with it, and so do the streams.
impl Drop for RedisTransport {
    fn drop(&mut self) {
        // What lies there knows what has the shelf: neither would ever go.
        drop(self.shared.shelf.close());
        self.shared.closed.cancel();
    }
}

impl fmt::Debug for RedisTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { names, consumer, .. } = &*self.shared;
        f.debug_struct("RedisTransport")
            .field("names", names)
            .field("consumer", consumer)
            .finish_non_exhaustive()
    }
}
