use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use metrics::{CounterFn, GaugeFn, HistogramFn, Key, KeyName, Metadata, SharedString, Unit};
use occamy_core::scheduler::{SlotId, TaskKey};
use occamy_core::{Error, SlotUsage};

use super::*;

/// Adds up what it is told, whatever the kind, and counts the handles that it made.
#[derive(Default)]
struct Sums {
    by_key: Mutex<Vec<(Key, Arc<Sum>)>>,
    made: AtomicUsize,
}

#[derive(Default)]
struct Sum(Mutex<f64>);

impl Sums {
    fn handle(&self, key: &Key) -> Arc<Sum> {
        self.made.fetch_add(1, Ordering::SeqCst);
        let mut by_key = self.by_key.lock().unwrap();
        if let Some((_, sum)) = by_key.iter().find(|(it, _)| it == key) {
            return Arc::clone(sum);
        }
        let sum = Arc::<Sum>::default();
        by_key.push((key.clone(), Arc::clone(&sum)));
        sum
    }

    /// Of the series of this name with these values of labels, the server left out.
    fn value(&self, name: &str, labels: &[&str]) -> f64 {
        let by_key = self.by_key.lock().unwrap();
        let found = by_key.iter().find(|(key, _)| {
            key.name() == name && key.labels().skip(1).map(metrics::Label::value).eq(labels.iter().copied())
        });
        *found.unwrap_or_else(|| panic!("no {name} of {labels:?}")).1.0.lock().unwrap()
    }
}

impl Recorder for Sums {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.handle(key).into()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.handle(key).into()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.handle(key).into()
    }
}

impl CounterFn for Sum {
    #[expect(clippy::cast_precision_loss, reason = "tests count no further than 2^53")]
    fn increment(&self, value: u64) {
        *self.0.lock().unwrap() += value as f64;
    }

    fn absolute(&self, _: u64) {
        panic!("of two servers with one name the greater would win");
    }
}

impl GaugeFn for Sum {
    fn increment(&self, value: f64) {
        *self.0.lock().unwrap() += value;
    }

    fn decrement(&self, value: f64) {
        *self.0.lock().unwrap() -= value;
    }

    fn set(&self, value: f64) {
        *self.0.lock().unwrap() = value;
    }
}

impl HistogramFn for Sum {
    fn record(&self, value: f64) {
        *self.0.lock().unwrap() += value;
    }
}

fn metrics() -> (Metrics, Arc<Sums>) {
    let sums = Arc::<Sums>::default();
    (Metrics::with_recorder("s", Arc::clone(&sums)), sums)
}

fn usage(seconds: f64, used: [usize; 5]) -> SlotUsage {
    let mut usage = SlotUsage::default();
    usage.at = Duration::from_secs_f64(seconds);
    [usage.empty, usage.unprotected_external, usage.unprotected_internal, usage.protected, usage.wedged] =
        used;
    usage
}

fn times(sums: &Sums) -> [f64; 5] {
    ["empty", "unprotected_external", "unprotected_internal", "protected", "wedged"]
        .map(|status| sums.value("occamy_slot_seconds_total", &[status]))
}

fn finished(outcome: OutcomeKind, ran: f64, reason: Option<StopReason>) -> Observation {
    Observation::Finished {
        task: TaskKey(1),
        group: "routes".into(),
        status: SlotStatus::UnprotectedInternal,
        outcome,
        ran: Duration::from_secs_f64(ran),
        stopping: reason.map(|_| Duration::from_millis(1)),
        reason,
    }
}

#[test]
fn the_time_of_slots_goes_to_what_they_were_used_for_until_then() {
    let (metrics, sums) = metrics();
    let tell = |usage: SlotUsage| metrics.record(&Observation::Slots(usage));
    tell(usage(0.0, [4, 0, 0, 0, 0]));
    tell(usage(10.0, [0, 1, 1, 1, 1]));
    assert_eq!(times(&sums), [40.0, 0.0, 0.0, 0.0, 0.0]);
    tell(usage(10.4, [0, 1, 1, 2, 0]));
    assert_eq!(times(&sums), [40.0, 0.0, 0.0, 0.0, 0.0], "less than a second is carried");
    tell(usage(11.0, [2, 0, 0, 2, 0]));
    assert_eq!(times(&sums), [40.0, 1.0, 1.0, 1.0, 0.0], "1.6 s of the protected ones");
    // Time that runs backwards counts for nothing, and isn't counted again.
    tell(usage(3.0, [4, 0, 0, 0, 0]));
    tell(usage(11.0, [4, 0, 0, 0, 0]));
    assert_eq!(times(&sums), [40.0, 1.0, 1.0, 1.0, 0.0]);
    tell(usage(12.0, [4, 0, 0, 0, 0]));
    assert_eq!(times(&sums), [44.0, 1.0, 1.0, 1.0, 0.0]);
}

#[test]
fn no_time_passes_after_the_end_though_a_wedged_task_ends_late() {
    let (metrics, sums) = metrics();
    let mut closed = usage(5.0, [1, 0, 0, 0, 1]);
    closed.closed = true;
    let mut later = usage(3605.0, [2, 0, 0, 0, 0]);
    later.closed = true;
    for usage in [usage(0.0, [1, 0, 0, 1, 0]), closed, later, later] {
        metrics.record(&Observation::Slots(usage));
    }
    assert_eq!(times(&sums), [5.0, 0.0, 0.0, 5.0, 0.0]);
    assert_eq!(sums.value("occamy_slots_used", &["empty"]), 2.0);
    assert_eq!(sums.value("occamy_wedged_slots", &[]), 0.0);
}

#[test]
fn the_time_of_a_million_slots_for_a_century_is_counted() {
    let (metrics, sums) = metrics();
    let century = 100.0 * 365.0 * 86_400.0;
    metrics.record(&Observation::Slots(usage(0.0, [1 << 20, 0, 0, 0, 0])));
    metrics.record(&Observation::Slots(usage(century, [1 << 20, 0, 0, 0, 0])));
    assert_eq!(times(&sums)[0], century * f64::from(1 << 20));
}

#[test]
fn only_making_room_is_an_eviction_and_only_what_did_not_complete_is_lost() {
    let (metrics, sums) = metrics();
    for reason in [StopReason::Evicted, StopReason::Rebalanced, StopReason::Overran, StopReason::ShutDown] {
        metrics.record(&Observation::Stopping {
            task: TaskKey(1),
            group: "routes".into(),
            status: SlotStatus::UnprotectedInternal,
            reason,
            ran: Duration::ZERO,
        });
        metrics.record(&finished(OutcomeKind::Interrupted, 1.75, Some(reason)));
        metrics.record(&finished(OutcomeKind::Completed, 100.0, Some(reason)));
    }
    metrics.record(&finished(OutcomeKind::Interrupted, 100.0, None));
    assert_eq!(sums.value("occamy_evictions_total", &[]), 2.0);
    assert!((sums.value("occamy_eviction_seconds", &[]) - 0.004).abs() < 1e-9);
    assert_eq!(
        sums.value("occamy_evicted_work_seconds_total", &[]),
        3.0,
        "3.5 s, of which half a second is carried"
    );
}

#[test]
fn a_task_that_could_not_be_started_has_no_duration() {
    let (metrics, sums) = metrics();
    metrics.record(&finished(OutcomeKind::NotStarted, 7.0, None));
    let labels = ["unprotected_internal", "routes"];
    assert_eq!(sums.value("occamy_task_duration_seconds", &labels), 0.0);
    assert_eq!(sums.value("occamy_tasks_finished_total", &[labels[0], labels[1], "not_started"]), 1.0);
}

#[test]
fn every_value_of_a_label_is_there_from_the_start_and_counted_as_itself() {
    let (metrics, sums) = metrics();
    let check = |observation: Observation, name: &str, label: &str| {
        assert_eq!(sums.value(name, &[label]), 0.0);
        metrics.record(&observation);
        assert_eq!(sums.value(name, &[label]), 1.0);
    };
    for kind in ErrorKind::ALL {
        let error = Error::new(kind, "");
        check(Observation::Failed { group: "".into(), error }, "occamy_errors_total", kind.as_str());
    }
    for verdict in VerdictKind::ALL {
        check(Observation::Settled { verdict }, "occamy_messages_settled_total", verdict.as_str());
    }
    for end in OfferEnd::ALL {
        let dropped = Observation::OfferDropped { group: "".into(), end };
        check(dropped, "occamy_offers_dropped_total", end.as_str());
    }
    for process in Process::ALL {
        let took = Duration::from_secs(1);
        check(Observation::Process { process, took }, "occamy_process_duration_seconds", process.as_str());
    }
}

#[test]
fn handles_are_made_once() {
    let (metrics, sums) = metrics();
    let status = SlotStatus::Protected;
    let everything = || {
        for group in ["a", "b", "other"] {
            let wait = Duration::ZERO;
            metrics.record(&Observation::Started {
                task: TaskKey(1),
                slot: SlotId(0),
                id: "".into(),
                group: group.into(),
                status,
                wait,
            });
        }
        metrics.record(&finished(OutcomeKind::Completed, 1.0, None));
        metrics.record(&Observation::Slots(usage(1.0, [1, 0, 0, 0, 0])));
        metrics.record(&Observation::Broker(BrokerEvent::Reconnected));
        metrics.record(&Observation::AssistantsDropped { count: 3 });
    };
    everything();
    let made = sums.made.load(Ordering::SeqCst);
    for _ in 0..100 {
        everything();
    }
    assert_eq!(sums.made.load(Ordering::SeqCst), made);
    assert_eq!(made, sums.by_key.lock().unwrap().len(), "none was made twice");
}
