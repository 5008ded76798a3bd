//! The transport: its two streams and its publisher, and how it ends.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use occamy_core::transport::{ControlStream, Publisher, RequestStream, Transport};
use occamy_core::{BoxFuture, Error, ErrorKind, Monitor};
use occamy_transport::IoThread;
use tokio::sync::watch;

use super::controls::Controls;
use super::publisher::RedisPublisher;
use super::requests::Requests;
use super::scripts;
use super::shared::{Phase, Shared};

/// A server's connection with Redis. It ends when it is closed or dropped.
pub struct RedisTransport {
    pub(super) shared: Arc<Shared>,
    pub(super) publisher: Arc<RedisPublisher>,
    /// How much of the outbox could not be sent, once that is known.
    pub(super) unsent: watch::Receiver<Option<usize>>,
    /// Where control messages are to be read from.
    pub(super) last_control: String,
    pub(super) _thread: IoThread,
}

impl Transport for RedisTransport {
    fn requests(&self) -> Box<dyn RequestStream> {
        Box::new(Requests(Arc::clone(&self.shared)))
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
            self.shared.enter(Phase::Draining);
            self.shared.reached(Phase::Drained).await;
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        let (shared, unsent) = (Arc::clone(&self.shared), self.unsent.clone());
        async move {
            let runtime = shared.runtime.clone();
            // It goes on there, whoever awaits it.
            let closed = runtime.spawn(close(shared, unsent)).await;
            closed.unwrap_or_else(|_| {
                Err(Error::new(ErrorKind::UnknownTask, "the transport's thread has ended"))
            })
        }
        .boxed()
    }
}

/// Sends what is left, leaves the consumer group, and ends the control messages.
async fn close(shared: Arc<Shared>, mut unsent: watch::Receiver<Option<usize>>) -> Result<(), Error> {
    shared.enter(Phase::Draining);
    shared.reached(Phase::Drained).await;
    shared.enter(Phase::Closing);
    let unsent = unsent.wait_for(Option::is_some).await.map_or(None, |unsent| *unsent).unwrap_or(0);
    let left = match shared.link.now() {
        // Who owns nothing may leave. Others do it for us if we can't.
        Some(connections) => scripts::forget(&shared, &connections, true, Duration::MAX).await.is_ok(),
        None => false,
    };
    shared.enter(Phase::Closed);
    let failed = |why: String| Err(Error::new(ErrorKind::UnknownTask, why));
    match (unsent, left) {
        (0, true) => Ok(()),
        (0, false) => failed("Redis could not be told of the end".into()),
        (unsent, _) => failed(format!("{unsent} messages in the outbox could not be sent")),
    }
}

/// Its thread ends with it, and so do the streams.
impl Drop for RedisTransport {
    fn drop(&mut self) {
        self.shared.enter(Phase::Closed);
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
