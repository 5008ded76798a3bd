//! What monitors are told, and what they do with it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use occamy_core::scheduler::TaskKey;
use occamy_core::{Observation, OutcomeKind, SlotStatus, TaskDetails, Verdict, VerdictKind};
use occamy_runtime::{ServerBuilder, TaskState};

use crate::common::{Act, Count, Gate, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn things_are_told_in_the_order_in_which_they_happened() {
    let world = Arc::new(World::with(4, |builder| builder.expansion_period(Duration::from_millis(1))));
    // One at a time, whoever tells.
    let inside = Arc::new(AtomicUsize::new(0));
    world.on_observation({
        let inside = Arc::clone(&inside);
        move |_| {
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two threads tell at a time");
            std::thread::yield_now();
            inside.fetch_sub(1, Ordering::SeqCst);
        }
    });
    let threads = [(); 4].map(|()| {
        let world = Arc::clone(&world);
        tokio::task::spawn_blocking(move || {
            for number in 0..200 {
                let task = Act::new("task").compute(|_| Ok(()));
                if number % 2 == 0 {
                    world.request(task)
                } else {
                    world.offer(task)
                };
            }
        })
    });
    for thread in threads {
        thread.await.unwrap();
    }
    world.server.shutdown(Duration::from_secs(10)).await;
    let of = |kind: fn(&Observation) -> bool| world.count(kind);
    world
        .until("all is told", || {
            of(|o| matches!(o, Observation::Started { .. }))
                == of(|o| matches!(o, Observation::Finished { .. }))
        })
        .await;

    let mut running: HashMap<TaskKey, bool> = HashMap::new();
    let mut last = Duration::ZERO;
    for observation in world.observations() {
        match observation {
            Observation::Started { task, .. } => {
                assert_ne!(running.insert(task, true), Some(true), "{task:?} started twice at a time");
            }
            Observation::Stopping { task, .. } => assert_eq!(running.get(&task), Some(&true)),
            Observation::Finished { task, .. } => assert_eq!(running.insert(task, false), Some(true)),
            Observation::Slots(usage) => {
                assert!(usage.at >= last && usage.slots() == 4, "{usage:?} after {last:?}");
                last = usage.at;
            }
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_monitor_that_panics_hurts_nobody() {
    let world = World::new(1);
    world.on_observation(|_| panic!("a monitor with a bug"));
    for _ in 0..2 {
        assert_eq!(world.request(world.brief("task")).settled().await, Verdict::Done);
        assert_eq!(world.offer(world.brief("task")).settled().await, Verdict::Done);
    }
    // An offer may be evicted and start twice.
    let completed =
        |o: &Observation| matches!(o, Observation::Finished { outcome: OutcomeKind::Completed, .. });
    world.until("it is told of everything all the same", || world.count(completed) == 4).await;
}

#[tokio::test(start_paused = true)]
async fn a_monitor_may_bring_messages() {
    let world = Arc::new(World::new(2));
    let brought = Count::new(&world.bell);
    world.on_observation({
        let (weak, brought) = (Arc::downgrade(&world), brought.clone());
        move |observation| {
            if let Some(world) = weak.upgrade()
                && matches!(observation, Observation::Finished { .. })
                && brought.get() < 5
            {
                brought.up();
                world.request(world.brief("next"));
            }
        }
    });
    world.request(world.brief("first"));
    world
        .until("five more have run", || world.count(|o| matches!(o, Observation::Finished { .. })) == 6)
        .await;
    assert_eq!(world.errors(), []);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_tells_what_runs() {
    let world = World::with(3, |builder| builder.kill_timeout(Duration::from_secs(2)));
    let (gate, begun) = (Gate::default(), Count::new(&world.bell));
    world.request(Act::new("master"));
    world.until("the master runs", || world.running("master") == 1).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    for id in ["deaf", "deafer"] {
        let (gate, begun) = (gate.clone(), begun.clone());
        world.offer(Act::new(id).compute(move |_| {
            begun.up();
            gate.pass();
            Ok(())
        }));
    }
    world.until("the offers run", || begun.get() == 2).await;
    let waits = world.request(world.brief("waits"));

    let snapshot = world.server.snapshot();
    assert_eq!((snapshot.usage.protected, snapshot.usage.unprotected_external), (1, 2));
    assert_eq!((snapshot.usage.waiting, snapshot.queued), (1, 1));
    let [master, first, second] = &snapshot.tasks[..] else { panic!("{snapshot:?}") };
    assert_eq!((&*master.id, &*master.group, master.status), ("master", "master", SlotStatus::Protected));
    assert_eq!((master.state, master.left), (TaskState::Running, false));
    assert!(master.elapsed >= Duration::from_secs(60) && first.elapsed < Duration::from_secs(60));
    assert!(master.key < first.key && first.key < second.key);
    assert_eq!((&*first.id, first.state), ("deaf", TaskState::Running));
    assert_eq!((&*second.id, second.state), ("deafer", TaskState::Stopping));
    assert_eq!(second.status, SlotStatus::UnprotectedExternal);

    tokio::time::sleep(Duration::from_millis(2010)).await;
    let states: Vec<_> = world.server.snapshot().tasks.iter().map(|task| task.state).collect();
    assert_eq!(states, [TaskState::Running, TaskState::Stopping, TaskState::Wedged], "the next victim");
    gate.open();
    assert_eq!(waits.settled().await.kind(), VerdictKind::Done);
}

#[tokio::test(start_paused = true)]
async fn the_use_of_the_slots_is_told_every_second_until_the_server_is_closed() {
    let world = World::with(3, ServerBuilder::without_expansion_period);
    world.request(world.brief("over"));
    world.until("it is over", || world.count(|o| matches!(o, Observation::Finished { .. })) == 1).await;
    let last = || {
        let mut told = world.observations().into_iter().rev();
        told.find_map(|observation| match observation {
            Observation::Slots(usage) => Some(usage),
            _ => None,
        })
        .unwrap()
    };
    tokio::time::sleep(Duration::from_secs(3600) + Duration::from_millis(1)).await;
    assert_eq!((last().at, last().empty, last().closed), (Duration::from_secs(3600), 3, false));

    world.server.shutdown(Duration::ZERO).await;
    world.until("the end is told", || last().closed).await;
    let told = world.observations().len();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(world.observations().len(), told);
}

#[tokio::test(start_paused = true)]
async fn the_wait_of_a_request_begins_before_its_handler() {
    let world = World::new(1);
    let made = Act::new("made");
    let details = TaskDetails::new("made").group("made");
    // The clock of the test moves while the details are told, which is a part of handling the message.
    let made = made.details(move || {
        futures_util::FutureExt::now_or_never(tokio::time::advance(Duration::from_millis(40)));
        details.clone()
    });
    world.request(made);
    world.until("it runs", || world.running("made") == 1).await;
    assert_eq!(world.waits("made"), [Duration::from_millis(40)]);
}
