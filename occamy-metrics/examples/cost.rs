//! What the metrics cost: the time that each kind of observation takes to record, beside a monitor that does nothing.
//!
//! `cargo run --release -p occamy-metrics --example cost`
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use occamy_core::scheduler::{SlotId, StopReason, TaskKey};
use occamy_core::{
    BrokerEvent, Error, ErrorKind, Monitor, NoopMonitor, Observation, OutcomeKind, Process, SlotStatus,
    SlotUsage, VerdictKind,
};
use occamy_metrics::Prometheus;

/// In turns, so that both have the machine as it happens to be.
const ROUNDS: usize = 31;
const RECORDS: u32 = 20_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let prometheus = Prometheus::new()?;
    let metrics: Box<dyn Monitor> = Box::new(prometheus.monitor("cost"));
    let noop: Box<dyn Monitor> = Box::new(NoopMonitor);
    println!("{:<28} {:>12} {:>12} {:>8}", "observation", "metrics", "no-op", "ratio");
    for (name, observation) in observations() {
        let (mut ours, mut nothing) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(nanos_each(&*metrics, &observation));
            nothing.push(nanos_each(&*noop, &observation));
            // As the upkeep does, lest the values of histograms pile up.
            black_box(prometheus.render());
        }
        let (ours, nothing) = (median(ours), median(nothing));
        println!("{name:<28} {ours:>9.1} ns {nothing:>9.1} ns {:>8.0}", ours / nothing);
    }
    Ok(())
}

fn nanos_each(monitor: &dyn Monitor, observation: &Observation) -> f64 {
    let begun = Instant::now();
    for _ in 0..RECORDS {
        black_box(monitor).record(black_box(observation));
    }
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(RECORDS)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn observations() -> Vec<(&'static str, Observation)> {
    let (task, slot, ran) = (TaskKey(1), SlotId(0), Duration::from_millis(3));
    let group = || "routes".into();
    let (status, outcome) = (SlotStatus::UnprotectedInternal, OutcomeKind::Interrupted);
    let reason = StopReason::Evicted;
    let mut usage = SlotUsage::default();
    (usage.protected, usage.unprotected_internal, usage.at) = (3, 5, ran);
    let finished = |stopping, reason| Observation::Finished {
        task,
        group: group(),
        status,
        outcome,
        ran,
        stopping,
        reason,
    };
    let started =
        |status| Observation::Started { task, slot, id: "".into(), group: group(), status, wait: ran };
    vec![
        ("slots", Observation::Slots(usage)),
        ("started, protected", started(SlotStatus::Protected)),
        ("started, unprotected", started(status)),
        ("stopping, evicted", Observation::Stopping { task, group: group(), status, reason, ran }),
        ("finished", finished(None, None)),
        ("finished, evicted", finished(Some(ran), Some(reason))),
        ("failed", Observation::Failed { group: group(), error: Error::new(ErrorKind::UnknownTask, "") }),
        ("offers", Observation::Offers { queued: 1, held: 2, bytes: 3 }),
        ("process", Observation::Process { process: Process::HandleRequestMessage, took: ran }),
        ("settled", Observation::Settled { verdict: VerdictKind::Done }),
        ("broker", Observation::Broker(BrokerEvent::StaleSettlement)),
    ]
}
