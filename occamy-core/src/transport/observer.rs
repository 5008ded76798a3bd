//! Whom a transport tells what happens to its connection.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use super::PublishError;
use crate::{BrokerEvent, Error, ErrorKind, Monitor, Observation, TaskDetails};

/// Whom a transport tells what happens to its connection, and what it has told so far: what stands behind
/// [`Transport::observe`](super::Transport::observe). Clones share it.
///
/// None of its methods blocks, but for what the monitor does: call them with no lock held.
///
/// ```
/// use std::sync::Arc;
/// use occamy_core::transport::Observer;
/// use occamy_core::{BrokerEvent, Observation, RecordingMonitor};
///
/// let (observer, monitor) = (Observer::new(), RecordingMonitor::new());
/// observer.set_connected(true); // nobody listens yet
/// observer.observe(Arc::new(monitor.clone()));
/// for connected in [true, true, false, true] {
///     observer.set_connected(connected);
/// }
/// let expected = [BrokerEvent::Connected, BrokerEvent::Disconnected, BrokerEvent::Reconnected];
/// assert_eq!(monitor.take(), expected.map(Observation::Broker));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Observer(Arc<Inner>);

#[derive(Default)]
struct Inner {
    monitor: OnceLock<Arc<dyn Monitor>>,
    /// What the monitor knows of the connection: one of the constants below.
    known: AtomicU8,
}

const NOTHING: u8 = 0;
const CONNECTED: u8 = 1;
const DISCONNECTED: u8 = 2;

impl Observer {
    /// Nobody is told anything yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// From here on this monitor is told. The first one stays: false if there was one before.
    pub fn observe(&self, monitor: Arc<dyn Monitor>) -> bool {
        self.0.monitor.set(monitor).is_ok()
    }

    /// Tells that the broker can be reached now, or no more, if that is news.
    pub fn set_connected(&self, connected: bool) {
        if let Some(event) = self.turn(connected) {
            self.event(event);
        }
    }

    /// What there is to tell of a connection that is there now, or no more: nothing, if that is known or nobody listens.
    /// The caller tells it by [`event`](Self::event). This calls no monitor, so a lock may be held.
    pub fn turn(&self, connected: bool) -> Option<BrokerEvent> {
        self.0.monitor.get()?;
        let known = &self.0.known;
        // Both updates change something only if it is news.
        if connected {
            match known.swap(CONNECTED, Ordering::AcqRel) {
                NOTHING => Some(BrokerEvent::Connected),
                DISCONNECTED => Some(BrokerEvent::Reconnected),
                _ => None,
            }
        } else {
            let lost = known.compare_exchange(CONNECTED, DISCONNECTED, Ordering::AcqRel, Ordering::Acquire);
            lost.is_ok().then_some(BrokerEvent::Disconnected)
        }
    }

    /// Tells of an event.
    pub fn event(&self, event: BrokerEvent) {
        self.record(&Observation::Broker(event));
    }

    /// Tells of a message of the outbox that could not be sent. True if somebody listens; if not, the transport logs it.
    pub fn unsent(&self, error: PublishError) -> bool {
        let group = Arc::from(TaskDetails::NO_GROUP);
        let message = "a message in the outbox could not be sent";
        let error = Error::new(ErrorKind::UnknownTask, message).with_source(error);
        self.record(&Observation::Failed { group, error })
    }

    /// Tells of anything. True if somebody listens.
    pub fn record(&self, observation: &Observation) -> bool {
        let Some(monitor) = self.0.monitor.get() else { return false };
        monitor.record(observation);
        true
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("known", &self.known).finish_non_exhaustive()
    }
}
