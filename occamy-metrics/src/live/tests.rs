use std::sync::Arc;

use occamy_core::scheduler::StopReason;
use occamy_core::{ErrorKind, OutcomeKind};
use serde_json::{Value, json};

use super::*;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn usage(slots: usize) -> SlotUsage {
    let mut usage = SlotUsage::default();
    (usage.empty, usage.available, usage.healthy) = (slots, slots, true);
    usage
}

fn started(task: u64, slot: u32, status: SlotStatus) -> Observation {
    let (id, group) = (Arc::from(format!("task-{task}")), Arc::from("solve"));
    Observation::Started { task: TaskKey(task), slot: SlotId(slot), id, group, status, wait: ms(task) }
}

fn evicted(task: u64) -> Observation {
    Observation::Stopping {
        task: TaskKey(task),
        group: "solve".into(),
        status: SlotStatus::UnprotectedInternal,
        reason: StopReason::Evicted,
        ran: ms(1),
    }
}

fn finished(task: u64, reason: Option<StopReason>) -> Observation {
    Observation::Finished {
        task: TaskKey(task),
        group: "solve".into(),
        status: SlotStatus::UnprotectedInternal,
        outcome: OutcomeKind::Interrupted,
        ran: ms(1),
        stopping: reason.map(|_| ms(3)),
        reason,
    }
}

fn changes(live: &Live, now: u64) -> Value {
    serde_json::to_value(live.changes("server", ms(now))).unwrap()
}

fn slots(changes: &Value) -> Vec<(u64, &str)> {
    let rows = changes["slots"].as_array().unwrap().iter();
    rows.map(|row| (row["slot"].as_u64().unwrap(), row["state"].as_str().unwrap())).collect()
}

#[test]
fn a_slot_is_told_of_when_it_has_changed() {
    let live = Live::new();
    live.record(ms(0), &Observation::Slots(usage(2)));
    assert_eq!(slots(&changes(&live, 0)), [(0, "empty"), (1, "empty")]);
    live.record(ms(5), &started(1, 1, SlotStatus::UnprotectedInternal));
    let change = changes(&live, 6);
    assert_eq!(
        change["slots"],
        json!([{"slot": 1, "state": "unprotected_internal", "status": "unprotected_internal", "id": "task-1",
                "group": "solve", "since_ms": 5}])
    );
    assert_eq!(slots(&changes(&live, 7)), []);
    live.record(ms(8), &evicted(1));
    assert_eq!(slots(&changes(&live, 9)), [(1, "stopping")]);
    live.record(ms(9), &finished(1, Some(StopReason::Evicted)));
    let change = changes(&live, 10);
    assert_eq!(slots(&change), [(1, "empty")]);
    assert_eq!(change["eviction"], json!({"count": 1, "p50_us": 3007, "p99_us": 3007}));
    assert_eq!(change["tally"]["evictions"], 1);
    assert_eq!(
        serde_json::to_value(live.picture("server", ms(10))).unwrap()["slots"].as_array().unwrap().len(),
        2
    );
}

#[test]
fn the_late_end_of_a_leftover_does_not_empty_the_slot_of_its_successor() {
    let live = Live::new();
    live.record(ms(0), &Observation::Slots(usage(1)));
    live.record(ms(1), &started(1, 0, SlotStatus::UnprotectedInternal));
    live.record(ms(2), &evicted(1));
    live.record(ms(2), &started(2, 0, SlotStatus::Protected));
    live.record(ms(3), &finished(1, Some(StopReason::Evicted)));
    assert_eq!(slots(&changes(&live, 4)), [(0, "protected")]);
    let wedged = Observation::Wedged { task: TaskKey(2), group: "".into(), status: SlotStatus::Protected };
    live.record(ms(5), &wedged);
    assert_eq!(slots(&changes(&live, 6)), [(0, "wedged")]);
    live.record(ms(7), &finished(2, None));
    assert_eq!(slots(&changes(&live, 8)), [(0, "empty")]);
}

#[test]
fn health_is_the_drivers_and_readiness_the_brokers_too() {
    let live = Live::new();
    let both = |now: u64| (live.dead(ms(now)), live.unready(ms(now)).unwrap_or_default());
    assert_eq!(both(60_000), (None, "it has not started".into()));
    live.record(ms(60_000), &Observation::Slots(usage(4)));
    assert_eq!(both(60_001), (None, "it is not connected with a broker yet".into()));
    live.record(ms(60_000), &Observation::Broker(BrokerEvent::Connected));
    assert_eq!(both(60_001), (None, "".into()));
    live.record(ms(60_000), &Observation::Broker(BrokerEvent::Disconnected));
    assert_eq!(both(60_001), (None, "the connection with its broker is lost".into()));
    live.record(ms(60_000), &Observation::Broker(BrokerEvent::Reconnected));
    let silent = "its driver has not been heard of for 11 s".to_owned();
    assert_eq!(both(71_000), (Some(silent.clone()), silent));
    live.record(ms(71_000), &Observation::Slots(usage(4)));
    assert_eq!(both(71_000), (None, "".into()));
    let mut wedged = usage(1);
    (wedged.wedged, wedged.healthy) = (3, false);
    live.record(ms(72_000), &Observation::Slots(wedged));
    assert_eq!(both(72_000).0, Some("3 of 4 slots are wedged".into()));
    let mut draining = usage(4);
    draining.draining = true;
    live.record(ms(73_000), &Observation::Slots(draining));
    assert_eq!(both(73_000), (None, "it is draining".into()));
    draining.closed = true;
    live.record(ms(74_000), &Observation::Slots(draining));
    assert_eq!(both(99_000), (None, "it is closed".into()));
}

#[test]
fn what_tasks_change_is_no_sign_of_the_driver() {
    let live = Live::new();
    live.record(ms(0), &Observation::Slots(usage(4)));
    for second in 1..=11 {
        let mut changed = usage(3);
        (changed.protected, changed.at) = (1 + second as usize % 2, ms(1_000 * second));
        live.record(ms(1_000 * second), &Observation::Slots(changed));
    }
    assert_eq!(live.dead(ms(11_000)), Some("its driver has not been heard of for 11 s".into()));
}

#[test]
fn memory_is_bounded_whatever_comes() {
    let live = Live::new();
    live.record(ms(0), &Observation::Slots(usage(1 << 20)));
    live.record(ms(0), &started(1, 1 << 19, SlotStatus::Protected));
    let long: Arc<str> = "ä".repeat(10_000).into();
    for task in 0..100 {
        let mut start = started(task, 3, SlotStatus::Protected);
        if let Observation::Started { id, group, .. } = &mut start {
            (*id, *group) = (Arc::clone(&long), Arc::clone(&long));
        }
        live.record(ms(1), &start);
        let error = Error::new(ErrorKind::InvalidBody, long.to_string());
        live.record(ms(2), &Observation::Failed { group: Arc::clone(&long), error });
    }
    let state = live.state();
    assert_eq!((state.slots.len(), state.places.len(), state.failures.len()), (MAX_SLOTS_SHOWN, 1, FAILURES));
    let occupant = state.slots[3].as_ref().unwrap();
    assert_eq!((occupant.id.chars().count(), occupant.group.chars().count()), (MAX_NAME + 1, MAX_NAME + 1));
    assert_eq!(state.failures[0].message.chars().count(), MAX_MESSAGE + 1);
}
