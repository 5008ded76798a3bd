//! Whom the scheduler asks for assistants, in situations that are rare enough to have gone wrong once.

use std::num::NonZeroU32;
use std::time::Duration;

use occamy_core::Outcome;
use occamy_core::scheduler::{Action, Assistant, Config, Event, Request, Scheduler, TaskKey};

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

/// Without a period, so that rounds begin only by a call.
fn scheduler(slots: usize) -> Scheduler {
    let mut config = Config::new(slots);
    config.expansion_period = None;
    Scheduler::new(config).expect("the settings make sense")
}

/// Hands in an event, at so many milliseconds, and tells who is asked for how many.
fn asked(scheduler: &mut Scheduler, at: u64, event: Event) -> Vec<(u64, usize)> {
    scheduler.handle(event, Duration::from_millis(at));
    let actions = std::iter::from_fn(|| scheduler.poll_action());
    actions
        .filter_map(|action| match action {
            Action::Expand { task, limit } => Some((task.0, limit)),
            _ => None,
        })
        .collect()
}

fn request(key: u64) -> Event {
    let request = Request { group: "".into(), weight: NonZeroU32::MIN, max_run: None, attempt: 1 };
    Event::RequestArrived { task: TaskKey(key), request }
}

fn answer(key: u64, assistants: impl IntoIterator<Item = u64>) -> Event {
    let assistants =
        assistants.into_iter().map(|key| Assistant { task: TaskKey(key), group: "".into() }).collect();
    Event::Expanded { task: TaskKey(key), assistants }
}

fn completed(key: u64) -> Event {
    Event::Finished { task: TaskKey(key), outcome: Outcome::Completed }
}
