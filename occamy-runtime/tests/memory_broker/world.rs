//! A server's end of a connection, without the server; and the few words that the tests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::{ControlStream, RequestStream, Transport};
use occamy_core::{
    BrokerEvent, Error, ErrorKind, Headers, LeaseWatch, Message, Observation, RecordingMonitor, Verdict,
};
use occamy_runtime::memory::{MemoryBroker, MemoryTransport};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// The default pause and lease of the broker.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);
pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// A server, as the broker sees it.
pub(crate) struct Peer {
    pub(crate) transport: MemoryTransport,
    pub(crate) requests: Box<dyn RequestStream>,
    pub(crate) controls: Box<dyn ControlStream>,
    monitor: RecordingMonitor,
}

impl Peer {
    pub(crate) fn connect(broker: &MemoryBroker, name: &str) -> Self {
        let transport = broker.connect(name);
        let monitor = RecordingMonitor::new();
        transport.observe(Arc::new(monitor.clone()));
        let (requests, controls) = (transport.requests(), transport.controls());
        Self { transport, requests, controls, monitor }
    }

    /// The next request, with room for just that one. A paused clock runs on until it comes.
    pub(crate) async fn take(&mut self) -> Box<dyn Message> {
        let next = soon(self.requests.next(1)).await;
        next.expect("there are no errors").expect("the stream goes on")
    }

    /// The next control message. A paused clock runs on until it comes.
    pub(crate) async fn control(&mut self) -> Box<dyn Message> {
        let next = soon(self.controls.next()).await;
        next.expect("there are no errors").expect("the stream goes on")
    }

    /// The request that is there now, if any.
    pub(crate) fn take_now(&mut self) -> Option<Box<dyn Message>> {
        self.take_now_with(1)
    }

    pub(crate) fn take_now_with(&mut self, credit: usize) -> Option<Box<dyn Message>> {
        let next = self.requests.next(credit).now_or_never()?;
        Some(next.expect("there are no errors").expect("the stream goes on"))
    }

    /// What the monitor was told of control messages that were dropped.
    pub(crate) fn dropped_controls(&self) -> Vec<Observation> {
        let mut told = self.monitor.observations();
        told.retain(|observation| matches!(observation, Observation::ControlMessagesDropped { .. }));
        told
    }

    /// True once there will be no more requests.
    pub(crate) fn requests_ended(&mut self) -> bool {
        self.requests.next(1).now_or_never().is_some_and(|next| next.expect("there are no errors").is_none())
    }

    /// The control message that is there now, if any.
    pub(crate) fn control_now(&mut self) -> Option<Box<dyn Message>> {
        let next = self.controls.next().now_or_never()?;
        Some(next.expect("there are no errors").expect("the stream goes on"))
    }

    /// True once there will be no more control messages.
    pub(crate) fn controls_ended(&mut self) -> bool {
        self.controls.next().now_or_never().is_some_and(|next| next.expect("there are no errors").is_none())
    }

    /// What has happened to the connection since the last time.
    pub(crate) fn events(&self) -> Vec<BrokerEvent> {
        let observations = self.monitor.take().into_iter();
        let events = observations.filter_map(|observation| match observation {
            Observation::Broker(event) => Some(event),
            _ => None,
        });
        events.collect()
    }

    /// What the transport could not send since the last time.
    pub(crate) fn failures(&self) -> Vec<Error> {
        let observations = self.monitor.take().into_iter();
        let failures = observations.filter_map(|observation| match observation {
            Observation::Failed { error, .. } => Some(error),
            _ => None,
        });
        failures.collect()
    }
}

/// Counts how often it is told that a lease was lost.
#[derive(Clone, Default)]
pub(crate) struct Losses(Arc<AtomicUsize>);

impl Losses {
    pub(crate) fn watch(&self) -> LeaseWatch {
        let count = Arc::clone(&self.0);
        Arc::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        })
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// True if nobody holds a watch any more.
    pub(crate) fn are_let_go(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// Sends requests with these bodies, in order.
pub(crate) async fn send(broker: &MemoryBroker, bodies: impl IntoIterator<Item = &'static str>) {
    let publisher = broker.publisher();
    for body in bodies {
        publisher.request(Headers::new(), Bytes::from(body)).await.expect("the broker runs");
    }
}

pub(crate) fn text(message: &dyn Message) -> &str {
    std::str::from_utf8(message.body()).expect("tests send text")
}

pub(crate) fn retry(after: Duration) -> Verdict {
    let error = Error::new(ErrorKind::UnknownTask, "not yet").retry_after(after);
    let mut limits = occamy_core::scheduler::Config::new(1).limits;
    (limits.max_attempts, limits.max_deliveries, limits.retry_delay) = (u32::MAX, u32::MAX, after);
    Verdict::on_end(occamy_core::Outcome::Failed(error), occamy_core::Fate::Undisturbed, 1, limits)
}

pub(crate) fn failed() -> Verdict {
    Verdict::Failed(Error::new(ErrorKind::InvalidBody, "not a number"))
}

/// What happens within the hour. A future that nobody wakes would keep a paused clock standing for ever.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(3600 * SECOND, future).await.expect("waited in vain")
}

/// Lets a paused clock run on.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}
