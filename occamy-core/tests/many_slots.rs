//! Ten thousand slots: filled by one family, taken back by a burst of requests, and shut down.

use std::num::NonZeroU32;
use std::time::Duration;

use occamy_core::scheduler::{Action, Assistant, Config, Event, Request, Scheduler, StopReason, TaskKey};
use occamy_core::{Outcome, Verdict};

const SLOTS: usize = 10_000;

struct World {
    scheduler: Scheduler,
    now: Duration,
    last_key: u64,
}

impl World {
    fn tell(&mut self, event: Event) -> Vec<Action> {
        self.now += Duration::from_millis(2);
        self.scheduler.handle(event, self.now);
        std::iter::from_fn(|| self.scheduler.poll_action()).collect()
    }

    fn key(&mut self) -> TaskKey {
        self.last_key += 1;
        TaskKey(self.last_key)
    }

    fn request(&mut self) -> Vec<Action> {
        let request = Request {
            id: "".into(),
            group: "a".into(),
            weight: NonZeroU32::MIN,
            max_run: None,
            attempt: 1,
            handling: Duration::ZERO,
        };
        let task = self.key();
        self.tell(Event::RequestArrived { task, request })
    }
}

fn stopped(actions: &[Action]) -> Vec<TaskKey> {
    let stops = actions.iter().filter_map(|action| match action {
        Action::Stop { task, .. } => Some(*task),
        _ => None,
    });
    stops.collect()
}

fn count(actions: &[Action], wanted: impl Fn(&Action) -> bool) -> usize {
    actions.iter().filter(|action| wanted(action)).count()
}

#[test]
fn ten_thousand_slots_are_filled_taken_back_and_shut_down() {
    let scheduler = Scheduler::new(Config::new(SLOTS)).unwrap();
    let mut world = World { scheduler, now: Duration::ZERO, last_key: 0 };

    let actions = world.request();
    let asked = actions.iter().find_map(|action| match action {
        Action::Expand { task, limit } => Some((*task, *limit)),
        _ => None,
    });
    assert_eq!(asked, Some((TaskKey(1), SLOTS - 1)), "all that is spare is offered to the only family");
    let assistants = (1..SLOTS)
        .map(|_| Assistant { task: world.key(), id: "".into(), group: "a".into() })
        .collect::<Vec<_>>();
    let actions = world.tell(Event::Expanded { task: TaskKey(1), assistants });
    assert_eq!(count(&actions, |action| matches!(action, Action::Start { .. })), SLOTS - 1);

    // Half of the slots, side by side: each request has one victim of its own.
    let mut victims = Vec::new();
    for _ in 0..SLOTS / 2 {
        let stops = stopped(&world.request());
        assert_eq!(stops.len(), 1);
        victims.extend(stops);
    }
    assert_eq!(world.scheduler.usage().waiting, SLOTS / 2);
    for victim in victims {
        let actions = world.tell(Event::Finished { task: victim, outcome: Outcome::Interrupted });
        assert_eq!(
            count(&actions, |action| matches!(action, Action::Start { .. })),
            1,
            "a waiter takes the slot"
        );
    }
    let usage = world.scheduler.usage();
    assert_eq!(
        (usage.protected, usage.unprotected_internal, usage.waiting),
        (SLOTS / 2 + 1, SLOTS / 2 - 1, 0)
    );

    let grace = Duration::from_secs(1);
    let mut running = stopped(&world.tell(Event::ShutDown { grace }));
    assert_eq!(running.len(), SLOTS / 2 - 1, "the unprotected stop at once");
    world.now += grace;
    let actions = world.tell(Event::TimePassed);
    assert!(actions.iter().any(|a| matches!(a, Action::Stop { reason: StopReason::ShutDown, .. })));
    running.extend(stopped(&actions));
    assert_eq!(running.len(), SLOTS);
    let mut requeued = 0;
    let mut closed = 0;
    for task in running {
        let actions = world.tell(Event::Finished { task, outcome: Outcome::Interrupted });
        requeued += count(&actions, |a| matches!(a, Action::Settle { verdict: Verdict::Interrupted, .. }));
        closed += count(&actions, |action| *action == Action::Closed);
    }
    assert_eq!((requeued, closed), (SLOTS / 2 + 1, 1));
}
