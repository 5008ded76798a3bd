//! Whom the scheduler asks for assistants, in situations that are rare enough to have gone wrong once.

use std::num::NonZeroU32;
use std::time::Duration;

use occamy_core::Outcome;
use occamy_core::scheduler::{
    Action, Assistant, Config, Event, Offer, Request, Scheduler, StopReason, TaskKey,
};

#[test]
fn a_round_begins_for_everybody_even_for_who_declined_before_another_was_asked() {
    let mut scheduler = scheduler(4);
    assert_eq!(asked(&mut scheduler, 0, request(1)), [(1, 3)]);
    assert_eq!(asked(&mut scheduler, 0, answer(1, [2])), []);
    assert_eq!(asked(&mut scheduler, 1, Event::TimePassed), [(2, 2)]);
    assert_eq!(asked(&mut scheduler, 2, Event::ExpandNow), []);
    assert_eq!(asked(&mut scheduler, 3, answer(2, [])), [(1, 2)]);
}

#[test]
fn who_answers_late_but_in_full_is_asked_again_in_the_same_round() {
    let mut scheduler = scheduler(3);
    assert_eq!(asked(&mut scheduler, 0, request(1)), [(1, 2)]);
    assert_eq!(asked(&mut scheduler, 5_000, Event::TimePassed), []);
    assert_eq!(asked(&mut scheduler, 6_000, answer(1, [2, 3])), []);
    assert_eq!(asked(&mut scheduler, 7_000, completed(2)), [(1, 1)]);
}

#[test]
fn slots_kept_for_the_answer_of_a_task_that_rebalancing_stops_go_to_others_at_once() {
    let mut config = Config::new(4);
    config.expansion_slot_buffer = 1;
    let mut scheduler = Scheduler::new(config).unwrap();
    handle(&mut scheduler, 0, offer(1));
    handle(&mut scheduler, 0, answer(1, [2]));
    // The last slot that may be filled is kept for what 2 answers.
    assert_eq!(asked(&mut scheduler, 1, Event::TimePassed), [(2, 1)]);
    assert_eq!(started(&handle(&mut scheduler, 2, offer(3))), []);
    // Rebalancing stops 2 for the sake of the second offer.
    let actions = handle(&mut scheduler, 1_000, Event::TimePassed);
    assert!(actions.contains(&Action::Stop { task: TaskKey(2), reason: StopReason::Rebalanced }));
    assert_eq!(started(&actions), [3]);
}

#[cfg(feature = "sim")]
#[test]
fn a_shutdown_forgets_everywhere_what_was_asked() {
    let mut scheduler = scheduler(2);
    assert_eq!(asked(&mut scheduler, 0, request(1)), [(1, 1)]);
    handle(&mut scheduler, 1, Event::ShutDown { grace: Duration::from_secs(1) });
    assert_eq!(scheduler.check(), Ok(()));
    assert_eq!(scheduler.deadline(), Some(Duration::from_millis(1_001)));
}

/// Without a period, so that rounds begin only by a call.
fn scheduler(slots: usize) -> Scheduler {
    let mut config = Config::new(slots);
    config.expansion_period = None;
    Scheduler::new(config).expect("the settings make sense")
}

/// Hands in an event, at so many milliseconds, and tells who is asked for how many.
fn asked(scheduler: &mut Scheduler, at: u64, event: Event) -> Vec<(u64, usize)> {
    let actions = handle(scheduler, at, event).into_iter();
    actions
        .filter_map(|action| match action {
            Action::Expand { task, limit } => Some((task.0, limit)),
            _ => None,
        })
        .collect()
}

fn started(actions: &[Action]) -> Vec<u64> {
    let started = actions.iter().filter_map(|action| match action {
        Action::Start { task, .. } => Some(task.0),
        _ => None,
    });
    started.collect()
}

fn handle(scheduler: &mut Scheduler, at: u64, event: Event) -> Vec<Action> {
    scheduler.handle(event, Duration::from_millis(at));
    std::iter::from_fn(|| scheduler.poll_action()).collect()
}

fn request(key: u64) -> Event {
    let request = Request {
        id: "".into(),
        group: "".into(),
        weight: NonZeroU32::MIN,
        max_run: None,
        attempt: 1,
        handling: Duration::ZERO,
    };
    Event::RequestArrived { task: TaskKey(key), request }
}

fn offer(key: u64) -> Event {
    let offer = Offer { id: "".into(), group: "".into(), weight: NonZeroU32::MIN, deadline: None, bytes: 1 };
    Event::OfferArrived { task: TaskKey(key), offer }
}

fn answer(key: u64, assistants: impl IntoIterator<Item = u64>) -> Event {
    let assistants = assistants
        .into_iter()
        .map(|key| Assistant { task: TaskKey(key), id: "".into(), group: "".into() })
        .collect();
    Event::Expanded { task: TaskKey(key), assistants }
}

fn completed(key: u64) -> Event {
    Event::Finished { task: TaskKey(key), outcome: Outcome::Completed }
}
