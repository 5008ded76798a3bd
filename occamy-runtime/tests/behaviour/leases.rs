//! Messages that their broker has given to somebody else meanwhile.

use occamy_core::{Observation, Verdict, VerdictKind};

use crate::common::{Act, Count, Gate, World};

#[tokio::test(start_paused = true)]
async fn a_request_whose_lease_is_lost_while_it_waits_is_handed_back() {
    let world = World::new(1);
    let (gate, begun) = (Gate::default(), Count::new(&world.bell));
    world.offer(Act::new("offer").run({
        let (gate, begun) = (gate.clone(), begun.clone());
        move |_| {
            begun.up();
            let gate = gate.clone();
            async move {
                gate.passed().await;
                Ok(())
            }
        }
    }));
    world.until("the offer runs", || begun.get() == 1).await;
    let request = world.request(world.brief("request"));
    assert_eq!(world.server.snapshot().usage.waiting, 1);
    request.lose_lease();
    assert_eq!(request.verdict(), Some(VerdictKind::Interrupted));
    assert_eq!(world.server.snapshot().usage.waiting, 0);
    request.lose_lease();
    gate.open();
    world.until("the slot is empty", || world.server.snapshot().usage.empty == 1).await;
    assert_eq!((world.starts("request"), request.verdicts().len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_runs_can_see_that_its_lease_is_lost() {
    let world = World::new(1);
    let (gate, saw) = (Gate::default(), Count::new(&world.bell));
    let request = world.request(Act::new("request").run({
        let (gate, saw) = (gate.clone(), saw.clone());
        move |cx| {
            let (gate, saw) = (gate.clone(), saw.clone());
            async move {
                assert!(!cx.lease_lost());
                saw.up();
                gate.passed().await;
                assert!(cx.lease_lost() && !cx.is_stopped());
                Ok(())
            }
        }
    }));
    world.until("it runs", || saw.get() == 1).await;
    request.lose_lease();
    request.lose_lease();
    gate.open();
    assert_eq!(request.settled().await, Verdict::Done);
    request.lose_lease();
    let late = |o: &Observation| matches!(o, Observation::Late(_));
    world.until("that was too late", || world.count(late) >= 1).await;
}

/// The broker may take a message back before the server knows what to call its task.
#[tokio::test(start_paused = true)]
async fn a_lease_that_is_lost_at_once_is_not_overlooked() {
    let world = World::new(1);
    let begun = Count::new(&world.bell);
    world.offer(Act::new("offer").run({
        let begun = begun.clone();
        move |cx| {
            begun.up();
            async move {
                cx.stopped().await;
                std::future::pending().await
            }
        }
    }));
    world.until("the offer runs", || begun.get() == 1).await;
    let letter = world.letter(world.brief("request")).without_lease();
    let request = world.send_request(letter);
    assert_eq!(request.verdict(), Some(VerdictKind::Interrupted));
}
