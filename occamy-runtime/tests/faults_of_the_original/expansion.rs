//! Faults in how spare slots were shared: 4, 15, 20 and 21.

use std::time::Duration;

use occamy_core::{BoxTask, Observation, Process, SlotStatus};

use crate::common::{Act, Count, Log, World};

/// Fault 4: tasks were asked for more assistants than could be placed, or fewer.
#[tokio::test(start_paused = true)]
async fn f04_a_task_is_asked_for_exactly_what_can_be_placed() {
    let world = World::with(8, |builder| builder.expansion_slot_buffer(2).without_expansion_period());
    let asks = Log::new(&world.bell);
    let asked = |who: &'static str, answers: bool| {
        let asks = asks.clone();
        Act::new(who).expand(move |limit| {
            asks.add((who, limit));
            if answers { assistants("assistant", limit) } else { Vec::new() }
        })
    };
    world.offer(asked("offer", false));
    world.until("the offer has declined", || world.count(expansions) == 1).await;
    world.request(asked("request", true));
    world.until("the assistants run", || world.running("assistant") == 4).await;
    assert_eq!(asks.get(), [("offer", 8 - 1 - 2), ("request", 8 - 2 - 2)]);

    world.server.expand_tasks();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(asks.get().len(), 2, "only the buffer is left, so nobody is asked");
    assert_eq!((world.slots(SlotStatus::Empty), world.errors().len()), (2, 0));
    let dropped = |o: &Observation| matches!(o, Observation::AssistantsDropped { .. });
    assert_eq!(world.count(dropped), 0);
}

/// Fault 15: it hung on chance whether the tasks of requests or of offers were asked first.
#[tokio::test(start_paused = true)]
async fn f15_protected_tasks_are_asked_first() {
    let world = World::with(3, |builder| builder.without_expansion_period());
    let (asks, willing) = (Log::new(&world.bell), Count::new(&world.bell));
    let helped = |who: &'static str| {
        let (asks, willing) = (asks.clone(), willing.clone());
        Act::new(who).expand(move |limit| {
            asks.add(who);
            if willing.get() > 0 { assistants(who, limit) } else { Vec::new() }
        })
    };
    world.offer(helped("offer"));
    world.until("the offer has declined", || world.count(expansions) == 1).await;
    world.request(helped("request"));
    // And the offer again, whom the request left the slots to.
    world.until("both have declined", || asks.get() == ["offer", "request"]).await;
    world.until("both have declined", || world.count(expansions) == 2).await;
    // No family is asked twice within a millisecond.
    tokio::time::sleep(Duration::from_millis(5)).await;
    willing.up();
    world.server.expand_tasks();
    world.until("an assistant has started", || world.running("request") == 2).await;
    assert_eq!(asks.get(), ["offer", "request", "request"]);
    assert_eq!(world.slots(SlotStatus::UnprotectedInternal), 1);
}

/// Fault 20: the first of several equal tasks kept all spare slots.
#[tokio::test(start_paused = true)]
async fn f20_four_tasks_that_arrive_one_after_another_end_up_sharing_evenly() {
    const NAMES: [&str; 4] = ["a", "b", "c", "d"];
    let world = World::new(16);
    for (number, name) in NAMES.into_iter().enumerate() {
        world.request(Act::new("request").expand(move |limit| assistants(name, limit)));
        world.until("no slot is spare", || world.slots(SlotStatus::UnprotectedInternal) == 15 - number).await;
    }
    let shares = || NAMES.map(|name| world.running(name));
    world.until("the victims have ended", || shares() == [12, 0, 0, 0]).await;

    let moved = |o: &Observation| matches!(o, Observation::Finished { stopping: Some(_), .. });
    let before = world.count(moved);
    for period in 1..=9 {
        tokio::time::advance(Duration::from_secs(1)).await;
        world.until("one has moved", || world.count(moved) == before + period).await;
        world.until("into its slot", || shares().iter().sum::<usize>() == 12).await;
    }
    assert_eq!(shares(), [3, 3, 3, 3]);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((shares(), world.count(moved)), ([3, 3, 3, 3], before + 9), "and so it stays");
}

/// Fault 21: an offer that expanded kept every other offer out.
#[tokio::test(start_paused = true)]
async fn f21_an_offer_that_expands_leaves_room_for_a_second() {
    let world = World::new(4);
    world.offer(Act::new("greedy").expand(|limit| assistants("greedy", limit)));
    world.until("it has all slots", || world.running("greedy") == 4).await;
    world.offer(Act::new("second"));
    assert_eq!(world.running("second"), 0);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    world.until("the second runs", || world.running("second") == 1).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((world.running("greedy"), world.running("second")), (3, 1), "and goes on running");
}

fn assistants(group: &str, limit: usize) -> Vec<BoxTask> {
    (0..limit).map(|_| Act::new(group).into()).collect()
}

fn expansions(observation: &Observation) -> bool {
    matches!(observation, Observation::Process { process: Process::Expansion, .. })
}
