//! Every metric there is: its name, which never changes without an entry in the changelog, and what goes with it.
//!
//! Alert rules, dashboards and exporters of one's own begin here. [`ALL`] has them all:
//!
//! ```
//! for metric in occamy_metrics::names::ALL {
//!     println!("{:<42} {:?} {:?}: {}", metric.name, metric.kind, metric.labels, metric.help);
//! }
//! ```

use metrics::Unit;

/// The longest of these buckets are hours: work may take that long. In seconds, from a millisecond on.
pub const DURATION_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
    600.0, 1800.0, 3600.0,
];

/// What should take no time at all: waits, evictions, and the server's own processes. In seconds, from ten microseconds
/// to a minute, by when every kill timeout worth the name is over.
pub const WAIT_BUCKETS: &[f64] = &[
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// The name of the server, as it was given to [`Metrics`](crate::Metrics). On every metric.
pub const SERVER: &str = "server";
/// What a slot is used for: [`SlotStatus`](occamy_core::SlotStatus), or [`WEDGED`].
pub const STATUS: &str = "status";
/// The group of a task, empty if it has none; [`OTHER`] beyond [`MAX_GROUPS`](crate::MAX_GROUPS).
pub const GROUP: &str = "group";
/// How something ended: [`OutcomeKind`](occamy_core::OutcomeKind), [`VerdictKind`](occamy_core::VerdictKind) or
/// [`OfferEnd`](occamy_core::OfferEnd).
pub const OUTCOME: &str = "outcome";
/// What went wrong: [`ErrorKind`](occamy_core::ErrorKind).
pub const KIND: &str = "kind";
/// Which of the server's own processes: [`Process`](occamy_core::Process).
pub const PROCESS: &str = "process";
/// The version of the crate. Only on [`BUILD_INFO`], which is there for nothing else.
pub const VERSION: &str = "version";

/// The status of a slot whose task was stopped and did not end in time. Its time went to none of the other four.
pub const WEDGED: &str = "wedged";

/// The group that stands for all groups beyond the first [`MAX_GROUPS`](crate::MAX_GROUPS).
pub const OTHER: &str = "other";

/// A metric: what its name means, and how it is to be shown.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Metric {
    /// The full name.
    pub name: &'static str,
    /// What can be done with it.
    pub kind: Kind,
    /// What it counts. Exporters must not append it to the name, which has it already.
    pub unit: Unit,
    /// Its labels, in the order in which they are given.
    pub labels: &'static [&'static str],
    /// What it tells.
    pub help: &'static str,
}

/// What can be done with a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// It only grows: look at its rate.
    Counter,
    /// It goes up and down: look at its value.
    Gauge,
    /// Values in buckets with these upper bounds, to be added up over servers.
    Histogram(&'static [f64]),
}

impl Metric {
    const fn counter(
        name: &'static str,
        unit: Unit,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, kind: Kind::Counter, unit, labels, help }
    }

    const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, unit: Unit::Count, labels, help }
    }

    const fn histogram(
        name: &'static str,
        buckets: &'static [f64],
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, kind: Kind::Histogram(buckets), unit: Unit::Seconds, labels, help }
    }
}

/// All slots of the server, wedged ones included.
pub const SLOTS: Metric = Metric::gauge("occamy_slots", &[SERVER], "Slots of the server.");

/// The four of [`SlotStatus`](occamy_core::SlotStatus) and [`WEDGED_SLOTS`] add up to [`SLOTS`].
pub const SLOTS_USED: Metric = Metric::gauge(
    "occamy_slots_used",
    &[SERVER, STATUS],
    "Slots by what they are used for now. Those whose task is stopping keep its status.",
);

/// What transports pull by.
pub const SLOTS_AVAILABLE: Metric = Metric::gauge(
    "occamy_slots_available",
    &[SERVER],
    "Requests that would be given a slot now: slots that are neither protected nor wedged nor awaited. 0 when draining.",
);

/// The same task may start again: a requeued request, or an offer that was evicted.
pub const TASKS_STARTED: Metric = Metric::counter(
    "occamy_tasks_started_total",
    Unit::Count,
    &[SERVER, STATUS, GROUP],
    "Tasks that were given a slot.",
);

/// A task that did not stop in time is counted when it ends at last.
pub const TASKS_FINISHED: Metric = Metric::counter(
    "occamy_tasks_finished_total",
    Unit::Count,
    &[SERVER, STATUS, GROUP, OUTCOME],
    "Tasks that were given a slot and have ended, by how.",
);

/// Those that couldn't be started aren't in it.
pub const TASK_DURATION: Metric = Metric::histogram(
    "occamy_task_duration_seconds",
    DURATION_BUCKETS,
    &[SERVER, STATUS, GROUP],
    "From the start of a task to its end.",
);

/// Requests only: they are what must not wait. Offers wait for as long as there is no room, as they are meant to, and
/// assistants come from no message.
pub const TASK_WAIT: Metric = Metric::histogram(
    "occamy_task_wait_seconds",
    WAIT_BUCKETS,
    &[SERVER],
    "From the arrival of a request's message to the start of its task, the handler included.",
);

/// Stops at a shutdown, or because a task ran past its limit, are no evictions.
pub const EVICTIONS: Metric = Metric::counter(
    "occamy_evictions_total",
    Unit::Count,
    &[SERVER],
    "Unprotected tasks that were stopped to make room for a request, or for another task's fair share.",
);

/// What never ends is not in it: see [`WEDGED_SLOTS`].
pub const EVICTION: Metric = Metric::histogram(
    "occamy_eviction_seconds",
    WAIT_BUCKETS,
    &[SERVER],
    "From the stop of an evicted task to its end.",
);

/// At most so much: a task may have passed on a part of its work before it was evicted. One that returned `Ok` after its
/// stop threw nothing away. Whole seconds; what is left over is carried to the next.
pub const EVICTED_WORK: Metric = Metric::counter(
    "occamy_evicted_work_seconds_total",
    Unit::Seconds,
    &[SERVER],
    "How long evicted tasks that did not complete had run.",
);

/// The claim of the whole project in one query: what the slots' time went to. Time passes in it though nothing happens,
/// with up to a second of delay, until the server is closed. Whole seconds; what is left over is carried to the next.
/// The five add up to the slots times the server's life.
pub const SLOT_SECONDS: Metric = Metric::counter(
    "occamy_slot_seconds_total",
    Unit::Seconds,
    &[SERVER, STATUS],
    "What the time of the slots went to.",
);

/// User code that they call is included: handlers, and `expand`.
pub const PROCESS_DURATION: Metric = Metric::histogram(
    "occamy_process_duration_seconds",
    WAIT_BUCKETS,
    &[SERVER, PROCESS],
    "How long the server's own processes took.",
);

/// Also those of unprotected tasks, of control messages, and of settlements.
pub const ERRORS: Metric = Metric::counter(
    "occamy_errors_total",
    Unit::Count,
    &[SERVER, KIND],
    "Errors that were recorded, by kind.",
);

/// Requests and control messages alike. Settlements that the broker did not take are errors instead.
pub const MESSAGES_SETTLED: Metric = Metric::counter(
    "occamy_messages_settled_total",
    Unit::Count,
    &[SERVER, OUTCOME],
    "Messages whose settlement the broker has taken, by verdict.",
);

/// What counts against the bound on offers.
pub const OFFERS: Metric = Metric::gauge("occamy_offers", &[SERVER], "Offers held now, waiting or running.");

/// Over the bounds, past their deadline, at a shutdown, or not to be stopped.
pub const OFFERS_DROPPED: Metric = Metric::counter(
    "occamy_offers_dropped_total",
    Unit::Count,
    &[SERVER, OUTCOME],
    "Offers that were dropped before they ran to an end of their own, by why.",
);

/// Such a slot comes back when its task ends at last.
pub const WEDGED_SLOTS: Metric = Metric::gauge(
    "occamy_wedged_slots",
    &[SERVER],
    "Slots whose task was told to stop and did not within the kill timeout.",
);

/// And never 0 again.
pub const DRAINING: Metric =
    Metric::gauge("occamy_draining", &[SERVER], "1 once the server takes nothing new, else 0.");

/// Of a server with several transports, as the last of them said.
pub const BROKER_CONNECTED: Metric = Metric::gauge(
    "occamy_broker_connected",
    &[SERVER],
    "1 while there is a connection with the broker, else 0.",
);

/// The first connection is not counted.
pub const BROKER_RECONNECTS: Metric = Metric::counter(
    "occamy_broker_reconnects_total",
    Unit::Count,
    &[SERVER],
    "Connections with the broker that were lost and came back.",
);

/// The broker hands such a message out again.
pub const STALE_SETTLEMENTS: Metric = Metric::counter(
    "occamy_stale_settlements_total",
    Unit::Count,
    &[SERVER],
    "Messages that were settled when they no longer belonged to this server.",
);

/// They were created in vain: a task that is asked for few should not return many.
pub const EXPANSION_TASKS_DROPPED: Metric = Metric::counter(
    "occamy_expansion_tasks_dropped_total",
    Unit::Count,
    &[SERVER],
    "Assistants that tasks created and for which there was no room.",
);

/// A mailbox was full, or what a transport holds back.
pub const CONTROL_MESSAGES_DROPPED: Metric = Metric::counter(
    "occamy_control_messages_dropped_total",
    Unit::Count,
    &[SERVER],
    "Control messages that were dropped because a task did not read them soon enough.",
);

/// Only brokers that keep messages in a log have it: Kafka.
pub const UNCOMMITTED_RECORDS: Metric = Metric::gauge(
    "occamy_uncommitted_records",
    &[SERVER],
    "Records that are finished and wait for an earlier one before they can be committed.",
);

/// Joined with others by the server, it tells which version did what.
pub const BUILD_INFO: Metric =
    Metric::gauge("occamy_build_info", &[SERVER, VERSION], "Always 1: the version is in the label.");

/// Every metric, in the order of the documentation.
pub const ALL: &[Metric] = &[
    SLOTS,
    SLOTS_USED,
    SLOTS_AVAILABLE,
    TASKS_STARTED,
    TASKS_FINISHED,
    TASK_DURATION,
    TASK_WAIT,
    EVICTIONS,
    EVICTION,
    EVICTED_WORK,
    SLOT_SECONDS,
    PROCESS_DURATION,
    ERRORS,
    MESSAGES_SETTLED,
    OFFERS,
    OFFERS_DROPPED,
    WEDGED_SLOTS,
    DRAINING,
    BROKER_CONNECTED,
    BROKER_RECONNECTS,
    STALE_SETTLEMENTS,
    EXPANSION_TASKS_DROPPED,
    CONTROL_MESSAGES_DROPPED,
    UNCOMMITTED_RECORDS,
    BUILD_INFO,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_that_are_promised() {
        let names: Vec<_> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(
            names,
            [
                "occamy_slots",
                "occamy_slots_used",
                "occamy_slots_available",
                "occamy_tasks_started_total",
                "occamy_tasks_finished_total",
                "occamy_task_duration_seconds",
                "occamy_task_wait_seconds",
                "occamy_evictions_total",
                "occamy_eviction_seconds",
                "occamy_evicted_work_seconds_total",
                "occamy_slot_seconds_total",
                "occamy_process_duration_seconds",
                "occamy_errors_total",
                "occamy_messages_settled_total",
                "occamy_offers",
                "occamy_offers_dropped_total",
                "occamy_wedged_slots",
                "occamy_draining",
                "occamy_broker_connected",
                "occamy_broker_reconnects_total",
                "occamy_stale_settlements_total",
                "occamy_expansion_tasks_dropped_total",
                "occamy_control_messages_dropped_total",
                "occamy_uncommitted_records",
                "occamy_build_info",
            ]
        );
    }

    #[test]
    fn counters_and_only_they_are_called_totals_and_histograms_are_of_seconds() {
        for metric in ALL {
            assert_eq!(metric.kind == Kind::Counter, metric.name.ends_with("_total"), "{metric:?}");
            if let Kind::Histogram(buckets) = metric.kind {
                assert!(metric.name.ends_with("_seconds") && metric.unit == Unit::Seconds, "{metric:?}");
                assert!(buckets.is_sorted_by(|a, b| a < b), "{metric:?}");
            }
            assert_eq!(metric.unit == Unit::Seconds, metric.name.contains("_seconds"), "{metric:?}");
        }
    }

    #[test]
    fn buckets_reach_from_where_it_matters_to_where_it_ends() {
        assert_eq!((DURATION_BUCKETS[0], DURATION_BUCKETS.last()), (0.001, Some(&3600.0)));
        assert_eq!((WAIT_BUCKETS[0], WAIT_BUCKETS.last()), (0.000_01, Some(&60.0)));
    }
}
