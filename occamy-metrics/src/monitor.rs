//! The monitor: from observations to metrics.

use std::sync::{Arc, Mutex, PoisonError};

use metrics::{Counter, Gauge, Histogram, Recorder};
use occamy_core::scheduler::StopReason;
use occamy_core::{
    BrokerEvent, ErrorKind, Monitor, Observation, OfferEnd, OutcomeKind, Process, SlotStatus, VerdictKind,
};

use crate::groups::Groups;
use crate::label::clean;
use crate::labelled::Labelled;
use crate::names;
use crate::registrar::{Installed, Registrar};
use crate::seconds::Seconds;
use crate::slots::Slots;

/// Feeds what happens on one server to a recorder of the `metrics` facade.
///
/// The metrics are in [`names`]; all of them exist from the start, at zero. Every server has a `Metrics` of its own with
/// a name of its own, by which the servers of one process keep apart: of two with the same name gauges show the last
/// that was told, and counters the sum.
///
/// Handles are made once. To record an observation takes no lock that is held for long, and nothing on the way waits.
#[derive(Debug)]
pub struct Metrics {
    slots: Slots,
    groups: Groups,
    wait: Histogram,
    evictions: Counter,
    eviction: Histogram,
    evicted_work: Mutex<Seconds>,
    processes: Labelled<Process, Histogram>,
    errors: Labelled<ErrorKind, Counter>,
    settled: Labelled<VerdictKind, Counter>,
    offers: Gauge,
    offers_dropped: Labelled<OfferEnd, Counter>,
    connected: Gauge,
    reconnects: Counter,
    stale: Counter,
    assistants_dropped: Counter,
    control_messages_dropped: Counter,
    uncommitted: Gauge,
}

impl Metrics {
    /// For the recorder that is installed in the process, as it is by most exporters. Install it before: what is made
    /// without one goes nowhere.
    ///
    /// ```
    /// use occamy_metrics::Metrics;
    /// # use occamy_core::{Error, ErrorKind, handler_fn};
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    /// # let _context = runtime.enter();
    /// # let handler = handler_fn(|_, _| Err(Error::new(ErrorKind::InvalidTask, "no tasks here")));
    ///
    /// let server = occamy_runtime::Server::builder(handler).name("routes").monitor(Metrics::new("routes")).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(server: &str) -> Self {
        Self::with_recorder(server, Installed)
    }

    /// For this recorder, installed or not. An `Arc` of a recorder, or a reference that lives for ever, is one, too.
    pub fn with_recorder(server: &str, recorder: impl Recorder + Send + Sync + 'static) -> Self {
        let registrar = Registrar::new(clean(server), Arc::new(recorder));
        let version = env!("CARGO_PKG_VERSION").into();
        registrar.gauge(&names::BUILD_INFO, [version]).set(1.0);
        Self {
            slots: Slots::new(&registrar),
            groups: Groups::new(&registrar),
            wait: registrar.histogram(&names::TASK_WAIT, []),
            evictions: registrar.counter(&names::EVICTIONS, []),
            eviction: registrar.histogram(&names::EVICTION, []),
            evicted_work: Mutex::new(Seconds::new(registrar.counter(&names::EVICTED_WORK, []))),
            processes: Labelled::new(&Process::ALL, |process| {
                registrar.histogram(&names::PROCESS_DURATION, [process.as_str().into()])
            }),
            errors: Labelled::new(&ErrorKind::ALL, |kind| {
                registrar.counter(&names::ERRORS, [kind.as_str().into()])
            }),
            settled: Labelled::new(&VerdictKind::ALL, |verdict| {
                registrar.counter(&names::MESSAGES_SETTLED, [verdict.as_str().into()])
            }),
            offers: registrar.gauge(&names::OFFERS, []),
            offers_dropped: Labelled::new(&OfferEnd::ALL, |end| {
                registrar.counter(&names::OFFERS_DROPPED, [end.as_str().into()])
            }),
            connected: registrar.gauge(&names::BROKER_CONNECTED, []),
            reconnects: registrar.counter(&names::BROKER_RECONNECTS, []),
            stale: registrar.counter(&names::STALE_SETTLEMENTS, []),
            assistants_dropped: registrar.counter(&names::EXPANSION_TASKS_DROPPED, []),
            control_messages_dropped: registrar.counter(&names::CONTROL_MESSAGES_DROPPED, []),
            uncommitted: registrar.gauge(&names::UNCOMMITTED_RECORDS, []),
        }
    }

    /// Has all series of these groups exist from the start, at zero: a rate can't see the first task of a series that
    /// begins with it. They are the first of the [`MAX_GROUPS`](crate::MAX_GROUPS).
    #[must_use]
    pub fn groups<'a>(self, groups: impl IntoIterator<Item = &'a str>) -> Self {
        for group in groups {
            self.groups.declare(group);
        }
        self
    }

    fn broker(&self, event: BrokerEvent) {
        match event {
            BrokerEvent::Connected => self.connected.set(1.0),
            BrokerEvent::Disconnected => self.connected.set(0.0),
            BrokerEvent::Reconnected => {
                self.connected.set(1.0);
                self.reconnects.increment(1);
            }
            BrokerEvent::StaleSettlement => self.stale.increment(1),
            _ => {}
        }
    }
}

impl Monitor for Metrics {
    fn record(&self, observation: &Observation) {
        match observation {
            Observation::Slots(usage) => self.slots.set(usage),
            Observation::Started { group, status, wait, .. } => {
                self.groups.started(group, *status);
                if *status == SlotStatus::Protected {
                    self.wait.record(*wait);
                }
            }
            Observation::Stopping { reason, .. } if reason.is_eviction() => self.evictions.increment(1),
            Observation::Finished { group, status, outcome, ran, stopping, reason, .. } => {
                self.groups.finished(group, *status, *outcome, *ran);
                if let (Some(stopping), true) = (stopping, reason.is_some_and(StopReason::is_eviction)) {
                    self.eviction.record(*stopping);
                    if *outcome != OutcomeKind::Completed {
                        self.evicted_work.lock().unwrap_or_else(PoisonError::into_inner).add(*ran, 1);
                    }
                }
            }
            Observation::Failed { error, .. } => increment(self.errors.get(error.kind())),
            Observation::Offers { held, .. } => self.offers.set(number(*held)),
            Observation::OfferDropped { end, .. } => increment(self.offers_dropped.get(*end)),
            Observation::AssistantsDropped { count } => self.assistants_dropped.increment(*count as u64),
            Observation::Process { process, took } => {
                if let Some(duration) = self.processes.get(*process) {
                    duration.record(*took);
                }
            }
            Observation::Settled { verdict } => increment(self.settled.get(*verdict)),
            Observation::ControlMessagesDropped { count } => {
                self.control_messages_dropped.increment(*count as u64);
            }
            Observation::Broker(event) => self.broker(*event),
            Observation::UncommittedRecords { count } => self.uncommitted.set(number(*count)),
            _ => {}
        }
    }
}

fn increment(counter: Option<&Counter>) {
    if let Some(counter) = counter {
        counter.increment(1);
    }
}

#[expect(clippy::cast_precision_loss, reason = "nobody holds 2^53 of anything")]
fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
