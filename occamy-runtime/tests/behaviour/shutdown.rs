//! Draining, shutting down in two stages, and being dropped.

use std::time::Duration;

use occamy_core::{BoxTask, Error, ErrorKind, Observation, OfferEnd, Verdict, VerdictKind};
use tokio::time::Instant;

use crate::common::{Act, Count, Gate, World, is_failed};

/// Obeys its stop after a while.
fn takes(time: Duration, begun: &Count) -> BoxTask {
    let begun = begun.clone();
    Act::new("task").run(move |cx| {
        begun.up();
        async move {
            cx.stopped().await;
            tokio::time::sleep(time).await;
            Err(Error::interrupted())
        }
    })
}

#[tokio::test(start_paused = true)]
async fn draining_takes_nothing_new_and_stops_nothing() {
    let world = World::new(3);
    let (gate, begun) = (Gate::default(), Count::new(&world.bell));
    let running = world.request(Act::new("running").run({
        let gate = gate.clone();
        move |_| {
            let gate = gate.clone();
            async move {
                gate.passed().await;
                Ok(())
            }
        }
    }));
    world.offer(takes(Duration::ZERO, &begun));
    world.until("the offer runs", || begun.get() == 1).await;
    world.server.drain();
    world.server.drain();
    let handled = world.handled.get();
    assert_eq!(world.request(world.brief("new")).settled().await, Verdict::Busy);
    assert!(is_failed(&world.offer(world.brief("new")).settled().await, ErrorKind::TaskNotAdded));
    assert_eq!((world.handled.get(), world.server.available()), (handled, 0));
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!((world.running("running"), world.running("task")), (1, 1));
    gate.open();
    assert_eq!(running.settled().await, Verdict::Done);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_stops_the_unprotected_at_once_and_the_protected_after_the_grace() {
    let world = World::new(2);
    let begun = Count::new(&world.bell);
    let protected = world.request(takes(Duration::from_secs(2), &begun));
    let (gate, asleep) = (Gate::default(), Count::new(&world.bell));
    world.offer(takes(Duration::from_secs(1), &asleep));
    world.until("both run", || begun.get() == 1 && asleep.get() == 1).await;
    let queued = world.offer(takes(Duration::ZERO, &begun));
    let waits = world.request(world.brief("waits"));
    assert_eq!(world.server.snapshot().queued, 2);

    let begin = Instant::now();
    let report = world.server.shutdown(Duration::from_secs(20)).await;
    assert!(report.is_clean());
    assert_eq!(begin.elapsed().as_secs(), 22, "the grace, and the time to obey");
    assert_eq!(protected.verdict(), Some(VerdictKind::Interrupted));
    assert_eq!(waits.verdict(), Some(VerdictKind::Interrupted));
    assert_eq!(queued.verdict(), Some(VerdictKind::Done), "it was acknowledged when it came");
    let dropped = |o: &Observation| matches!(o, Observation::OfferDropped { end: OfferEnd::Draining, .. });
    assert_eq!((world.count(dropped), begun.get()), (2, 1));
    drop(gate);
}

#[tokio::test(start_paused = true)]
async fn a_second_call_shortens_the_grace_and_never_prolongs_it() {
    let world = World::new(1);
    let begun = Count::new(&world.bell);
    let task = world.request(takes(Duration::ZERO, &begun));
    world.until("it runs", || begun.get() == 1).await;
    let begin = Instant::now();
    let shutdown = |grace| {
        let server = world.server.clone();
        tokio::spawn(async move { server.shutdown(Duration::from_secs(grace)).await })
    };
    let first = shutdown(100);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (shorter, longer) = (shutdown(10), shutdown(1000));
    for call in [first, shorter, longer] {
        assert!(call.await.unwrap().is_clean());
    }
    assert_eq!((begin.elapsed().as_secs(), task.verdict()), (11, Some(VerdictKind::Interrupted)));
    assert!(world.server.shutdown(Duration::from_secs(1000)).await.is_clean(), "nor is it ever too late");
    assert_eq!(begin.elapsed().as_secs(), 11);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_goes_on_though_nobody_awaits_it() {
    let world = World::new(1);
    let begun = Count::new(&world.bell);
    let task = world.request(takes(Duration::ZERO, &begun));
    world.until("it runs", || begun.get() == 1).await;
    let call = tokio::time::timeout(Duration::from_secs(1), world.server.shutdown(Duration::from_secs(5)));
    assert!(call.await.is_err());
    assert_eq!(task.settled_in_time(Duration::from_secs(5)).await, Verdict::Interrupted);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_by_grace_and_kill_timeout_and_names_what_did_not_stop() {
    let world = World::with(1, |builder| builder.kill_timeout(Duration::from_secs(3)));
    let (gate, begun) = (Gate::default(), Count::new(&world.bell));
    let deaf = world.request(Act::new("deaf").compute({
        let (gate, begun) = (gate.clone(), begun.clone());
        move |_| {
            begun.up();
            gate.pass();
            Ok(())
        }
    }));
    world.until("it runs", || begun.get() == 1).await;
    let begin = Instant::now();
    let report = world.server.shutdown(Duration::from_secs(4)).await;
    assert_eq!(begin.elapsed().as_secs(), 7);
    assert_eq!(report.wedged.iter().map(|task| &*task.id).collect::<Vec<_>>(), ["deaf"]);
    assert_eq!(deaf.verdict(), Some(VerdictKind::Interrupted));
    gate.open();
}

#[tokio::test(start_paused = true)]
async fn a_server_shuts_down_with_its_last_handle() {
    let world = World::new(1);
    let begun = Count::new(&world.bell);
    let task = world.request(takes(Duration::ZERO, &begun));
    world.until("it runs", || begun.get() == 1).await;
    let World { server, .. } = world;
    let clone = server.clone();
    drop(server);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(task.verdict(), None, "there is another handle");
    drop(clone);
    assert_eq!(task.settled_in_time(Duration::from_secs(1)).await, Verdict::Interrupted);
}
