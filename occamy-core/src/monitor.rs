//! Who is told what happens: metrics, logs, tests.

#![allow(
    clippy::disallowed_types,
    reason = "recording is for tests, and no part of the scheduler, which never locks"
)]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Observation;

/// Is told what happens on a server and its transport.
///
/// Observations come in the order in which things happened, one at a time as a rule, on whichever thread brought them
/// about, and with none of the server's locks held. So `record` may call the server, but must not block: it is on the
/// way of requests. A panic is caught and changes nothing else.
///
/// Several monitors make one: put them in a tuple, an array or a `Vec`, and each is told in that order.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use occamy_core::{Monitor, Observation};
///
/// #[derive(Default)]
/// struct Evictions(AtomicUsize);
///
/// impl Monitor for Evictions {
///     fn record(&self, observation: &Observation) {
///         if let Observation::Stopping { .. } = observation {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
/// ```
pub trait Monitor: Send + Sync + 'static {
    /// Takes note of an observation. There will be more kinds of them: ignore the unknown ones.
    fn record(&self, observation: &Observation);
}

/// Takes note of nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoopMonitor;

impl Monitor for NoopMonitor {
    fn record(&self, _: &Observation) {}
}

/// Keeps every observation, for tests. Clones share what they keep.
///
/// ```
/// use occamy_core::{BrokerEvent, Monitor, Observation, RecordingMonitor};
///
/// let monitor = RecordingMonitor::new();
/// let server = monitor.clone(); // given to a server
/// server.record(&Observation::Broker(BrokerEvent::Connected));
/// assert_eq!(monitor.take(), [Observation::Broker(BrokerEvent::Connected)]);
/// assert!(monitor.take().is_empty());
/// ```
#[derive(Clone, Debug, Default)]
pub struct RecordingMonitor(Arc<Mutex<Vec<Observation>>>);

impl RecordingMonitor {
    /// Nothing recorded yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was recorded so far, and still is.
    pub fn observations(&self) -> Vec<Observation> {
        self.lock().clone()
    }

    /// What was recorded since the last time.
    pub fn take(&self) -> Vec<Observation> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Observation>> {
        // Nothing that holds the lock leaves the list half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Monitor for RecordingMonitor {
    fn record(&self, observation: &Observation) {
        self.lock().push(observation.clone());
    }
}

impl<M: Monitor + ?Sized> Monitor for Arc<M> {
    fn record(&self, observation: &Observation) {
        (**self).record(observation);
    }
}

impl<M: Monitor + ?Sized> Monitor for Box<M> {
    fn record(&self, observation: &Observation) {
        (**self).record(observation);
    }
}

impl<M: Monitor> Monitor for Vec<M> {
    fn record(&self, observation: &Observation) {
        for monitor in self {
            monitor.record(observation);
        }
    }
}

impl<M: Monitor, const LEN: usize> Monitor for [M; LEN] {
    fn record(&self, observation: &Observation) {
        for monitor in self {
            monitor.record(observation);
        }
    }
}

/// `None` takes note of nothing.
impl<M: Monitor> Monitor for Option<M> {
    fn record(&self, observation: &Observation) {
        if let Some(monitor) = self {
            monitor.record(observation);
        }
    }
}

macro_rules! tuple_of_monitors {
    ($($monitor:ident),+) => {
        impl<$($monitor: Monitor),+> Monitor for ($($monitor,)+) {
            fn record(&self, observation: &Observation) {
                #[allow(non_snake_case, reason = "the fields are named after their types")]
                let ($($monitor,)+) = self;
                $($monitor.record(observation);)+
            }
        }
    };
}

tuple_of_monitors!(A, B);
tuple_of_monitors!(A, B, C);
tuple_of_monitors!(A, B, C, D);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BrokerEvent, LateEvent, Process};

    const FIRST: Observation = Observation::Late(LateEvent::End);
    const SECOND: Observation = Observation::Broker(BrokerEvent::Reconnected);

    #[test]
    fn each_of_several_monitors_is_told_everything_in_order() {
        let (one, two, three) = (RecordingMonitor::new(), RecordingMonitor::new(), RecordingMonitor::new());
        let boxed: Vec<Box<dyn Monitor>> = vec![Box::new(one.clone()), Box::new(NoopMonitor)];
        let shared: Arc<dyn Monitor> = Arc::new(two.clone());
        let all = (boxed, shared, Some([three.clone()]), None::<NoopMonitor>);
        all.record(&FIRST);
        all.record(&SECOND);
        for monitor in [one, two, three] {
            assert_eq!(monitor.observations(), [FIRST, SECOND]);
            assert_eq!(monitor.take(), [FIRST, SECOND]);
            assert!(monitor.observations().is_empty());
        }
    }

    #[test]
    fn the_names_of_processes_are_public() {
        let names = Process::ALL.map(Process::as_str);
        assert_eq!(names, ["handle_request_message", "handle_control_message", "expansion_process"]);
    }
}
