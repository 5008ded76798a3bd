//! What the scheduler tells the monitors of times and ends.

use std::num::NonZeroU32;
use std::time::Duration;

use occamy_core::scheduler::{Action, Config, Event, Request, Scheduler, StopReason, TaskKey};
use occamy_core::{Observation, Outcome, SlotUsage};

const HANDLING: Duration = Duration::from_millis(30);

#[test]
fn a_start_tells_who_it_is_and_how_long_ago_its_message_came() {
    let mut scheduler = Scheduler::new(Config::new(1)).unwrap();
    let told = tell(&mut scheduler, 100, request(1));
    let starts: Vec<_> = told
        .iter()
        .filter_map(|observation| match observation {
            Observation::Started { id, wait, .. } => Some((&**id, *wait)),
            _ => None,
        })
        .collect();
    assert_eq!(starts, [("a", HANDLING)]);
}

#[test]
fn an_end_tells_why_the_task_was_stopped() {
    let mut scheduler = Scheduler::new(Config::new(2)).unwrap();
    for key in [1, 2] {
        tell(&mut scheduler, 0, request(key));
    }
    let finished = |task| Event::Finished { task: TaskKey(task), outcome: Outcome::Interrupted };
    let reason = |told: Vec<Observation>| {
        told.iter().find_map(|observation| match observation {
            Observation::Finished { reason, .. } => Some(*reason),
            _ => None,
        })
    };
    assert_eq!(reason(tell(&mut scheduler, 1, finished(1))), Some(None));
    tell(&mut scheduler, 2, Event::ShutDown { grace: Duration::ZERO });
    assert_eq!(reason(tell(&mut scheduler, 3, finished(2))), Some(Some(StopReason::ShutDown)));
}

#[test]
fn the_last_use_of_the_slots_says_that_the_server_is_closed() {
    let mut scheduler = Scheduler::new(Config::new(1)).unwrap();
    tell(&mut scheduler, 0, Event::Drain);
    assert_eq!(usages(&tell(&mut scheduler, 5, Event::ShutDown { grace: Duration::ZERO })), [(5, true)]);
    assert!(scheduler.usage().closed);
}

fn usages(told: &[Observation]) -> Vec<(u128, bool)> {
    let usages = told.iter().filter_map(|observation| match observation {
        Observation::Slots(SlotUsage { at, closed, .. }) => Some((at.as_millis(), *closed)),
        _ => None,
    });
    usages.collect()
}

fn request(key: u64) -> Event {
    let request = Request {
        id: "a".into(),
        group: "".into(),
        weight: NonZeroU32::MIN,
        max_run: None,
        attempt: 1,
        handling: HANDLING,
    };
    Event::RequestArrived { task: TaskKey(key), request }
}

/// What the monitors are told of an event.
fn tell(scheduler: &mut Scheduler, millis: u64, event: Event) -> Vec<Observation> {
    scheduler.handle(event, Duration::from_millis(millis));
    std::iter::from_fn(|| scheduler.poll_action())
        .filter_map(|action| match action {
            Action::Observe(observation) => Some(observation),
            _ => None,
        })
        .collect()
}
