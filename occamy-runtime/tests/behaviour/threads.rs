//! Compute tasks and the threads of their slots. Real time, since threads know no other.

use std::collections::HashSet;
use std::thread::{self, ThreadId};
use std::time::Duration;

use occamy_core::{BoxTask, Error, Observation, SlotStatus, Verdict, VerdictKind};

use crate::common::{Act, Count, Gate, Log, World};

/// Runs until it is stopped, and a gate is open.
fn held(id: &str, begun: &Count, gate: &Gate) -> BoxTask {
    let (begun, gate) = (begun.clone(), gate.clone());
    Act::new(id).compute(move |cx| {
        begun.up();
        cx.wait_stopped(Duration::MAX);
        gate.pass();
        Err(Error::interrupted())
    })
}

fn tells_its_thread(id: &str, threads: &Log<(Option<String>, ThreadId)>) -> BoxTask {
    let threads = threads.clone();
    Act::new(id).compute(move |_| {
        threads.add((thread::current().name().map(str::to_owned), thread::current().id()));
        Ok(())
    })
}

#[tokio::test]
async fn a_slot_has_one_named_thread_which_is_used_again() {
    let world = World::with(2, |builder| builder.name("stove"));
    let threads = Log::new(&world.bell);
    for _ in 0..5 {
        assert_eq!(world.request(tells_its_thread("task", &threads)).settled().await, Verdict::Done);
        // The message is settled before the slot is free to see.
        world.until("the slot is free", || world.slots(SlotStatus::Empty) == 2).await;
    }
    let used: HashSet<_> = threads.get().into_iter().collect();
    assert_eq!(used.len(), 1, "{used:?}");
    assert_eq!(threads.get()[0].0.as_deref(), Some("stove-0"));
}

#[tokio::test]
async fn compute_never_runs_on_the_threads_of_tokio_or_of_the_caller() {
    let world = World::new(1);
    let threads = Log::new(&world.bell);
    world.request(tells_its_thread("task", &threads)).settled().await;
    assert_ne!(threads.get()[0].1, thread::current().id());
}

#[tokio::test]
async fn the_thread_that_frees_a_slot_runs_the_successor() {
    let world = World::new(1);
    let (begun, gate, threads) = (Count::new(&world.bell), Gate::default(), Log::new(&world.bell));
    world.offer(Act::new("offer").compute({
        let (begun, gate, threads) = (begun.clone(), gate.clone(), threads.clone());
        move |_| {
            threads.add((None, thread::current().id()));
            begun.up();
            gate.pass();
            Ok(())
        }
    }));
    world.until("the offer runs", || begun.get() == 1).await;
    let request = world.request(tells_its_thread("request", &threads));
    gate.open();
    assert_eq!(request.settled().await, Verdict::Done);
    let threads = threads.get();
    assert_eq!(threads[0].1, threads[1].1);
}

#[tokio::test]
async fn a_leftover_keeps_its_thread_and_the_request_gets_a_new_one() {
    let world = World::with(1, |builder| builder.eviction_overlap(1));
    let (begun, gate, threads) = (Count::new(&world.bell), Gate::default(), Log::new(&world.bell));
    world.offer(held("offer", &begun, &gate));
    world.until("the offer runs", || begun.get() == 1).await;
    let request = world.request(tells_its_thread("request", &threads));
    assert_eq!(request.settled().await, Verdict::Done, "though the offer goes on");
    let left = world.server.snapshot();
    assert!(left.tasks.iter().any(|task| &*task.id == "offer" && task.left), "{left:?}");
    assert_eq!(left.usage.leftovers, 1);
    assert_eq!(threads.get()[0].0.as_deref(), Some("occamy-0"), "the new thread has the slot's name");

    // While there is a leftover the budget is spent, and the next has to wait.
    world.until("nobody is in the slot", || world.slots(SlotStatus::Empty) == 1).await;
    let second = Gate::default();
    world.offer(held("another", &begun, &second));
    world.until("another offer runs", || begun.get() == 2).await;
    let waits = world.request(tells_its_thread("waits", &threads));
    assert_eq!(world.server.snapshot().usage.waiting, 1);
    gate.open();
    assert_eq!(waits.settled().await, Verdict::Done, "as soon as the leftover has ended");
    second.open();
    let all = world.server.shutdown(Duration::ZERO).await;
    assert!(all.is_clean(), "{all:?}");
}

#[tokio::test]
async fn a_wedged_thread_that_comes_back_frees_its_slot() {
    let world = World::with(1, |builder| builder.kill_timeout(Duration::from_millis(20)));
    let (begun, gate, threads) = (Count::new(&world.bell), Gate::default(), Log::new(&world.bell));
    let offer = world.offer(held("offer", &begun, &gate));
    world.until("the offer runs", || begun.get() == 1).await;
    let refused = world.request(tells_its_thread("refused", &threads));
    assert_eq!(
        refused.settled().await,
        Verdict::Busy,
        "after the kill timeout, since there is no other victim"
    );
    let usage = world.server.snapshot().usage;
    assert_eq!((usage.wedged, usage.available), (1, 0));

    gate.open();
    world.until("the slot is free", || world.server.available() == 1).await;
    assert_eq!(world.request(tells_its_thread("served", &threads)).settled().await, Verdict::Done);
    assert_eq!(offer.verdict(), Some(VerdictKind::Done), "as when it was accepted");
    assert_eq!(world.starts("offer"), 1, "it isn't run again");
    let late = |o: &Observation| matches!(o, Observation::Finished { group, .. } if &**group == "offer");
    assert_eq!(world.count(late), 1);
}

#[tokio::test]
async fn tasks_of_both_kinds_take_turns_in_a_slot() {
    let world = World::new(1);
    let threads = Log::new(&world.bell);
    for _ in 0..3 {
        assert_eq!(world.request(tells_its_thread("computes", &threads)).settled().await, Verdict::Done);
        assert_eq!(world.request(world.brief("awaits")).settled().await, Verdict::Done);
    }
    let used: HashSet<_> = threads.get().into_iter().collect();
    assert_eq!(used.len(), 1);
}
