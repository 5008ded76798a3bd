//! Faults in how slots were freed: 8, 14, 17 and 18.

use std::sync::{Arc, Barrier};
use std::time::Duration;

use occamy_core::{Error, ErrorKind, Observation, SlotStatus, Verdict, VerdictKind};
use occamy_runtime::ServerBuilder;

use crate::common::{Act, Count, Gate, World};

const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// Fault 8: one victim that ignored its stop held up every request, and was chosen again and again.
#[tokio::test(start_paused = true)]
async fn f08_a_victim_that_ignores_its_stop_holds_up_one_request_for_one_kill_timeout() {
    let world = World::with(4, |builder| builder.kill_timeout(KILL_TIMEOUT));
    for _ in 0..3 {
        world.offer(Act::new("obeys"));
    }
    // The youngest is the first victim.
    let (gate, begun) = (Gate::default(), Count::new(&world.bell));
    world.offer({
        let (gate, begun) = (gate.clone(), begun.clone());
        Act::new("deaf").compute(move |_| {
            begun.up();
            gate.pass();
            Ok(())
        })
    });
    world.until("all run", || begun.get() == 1 && world.running("obeys") == 3).await;

    for _ in 0..3 {
        world.request(Act::new("request"));
    }
    world.until("two have started", || world.starts("request") == 2).await;
    assert_eq!(world.waits("request"), [Duration::ZERO; 2], "they wait for the obedient only");
    tokio::time::sleep(KILL_TIMEOUT + Duration::from_millis(2)).await;
    world.until("the third has started", || world.starts("request") == 3).await;
    let wait = world.waits("request")[2];
    assert!(wait >= KILL_TIMEOUT && wait <= KILL_TIMEOUT + Duration::from_millis(2), "{wait:?}");
    assert_eq!(world.errors(), [ErrorKind::TaskNotKilled]);

    assert_eq!(
        world.request(Act::new("request")).settled().await,
        Verdict::Busy,
        "its slot is not chosen again"
    );
    let stops = |o: &Observation| matches!(o, Observation::Stopping { group, .. } if &**group == "deaf");
    assert_eq!(world.count(stops), 1);
    gate.open();
    world.until("its slot is free in the end", || world.server.available() == 1).await;
}

/// Fault 14: a request that arrived just when a slot became free was refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f14_a_slot_that_is_freed_as_a_request_arrives_is_found() {
    let world = Arc::new(World::with(1, ServerBuilder::without_expansion_period));
    for _ in 0..300 {
        let meet = Arc::new(Barrier::new(2));
        let offer = world.offer({
            let meet = Arc::clone(&meet);
            // Once it was evicted it is run again, and then nobody comes to meet it.
            let first = Count::new(&world.bell);
            Act::new("offer").compute(move |_| {
                if first.up() == 0 {
                    meet.wait();
                }
                Ok(())
            })
        });
        assert_eq!(offer.verdict(), Some(VerdictKind::Done));
        let receipt = {
            let world = Arc::clone(&world);
            tokio::task::spawn_blocking(move || {
                meet.wait();
                world.request(world.brief("request"))
            })
        };
        assert_eq!(receipt.await.unwrap().settled().await, Verdict::Done);
        world.until("the slot is empty", || world.slots(SlotStatus::Empty) == 1).await;
    }
    assert_eq!(world.errors(), []);
}

/// Fault 17: victims were stopped one after the other, and a burst waited for all of them.
#[tokio::test(start_paused = true)]
async fn f17_a_burst_of_evictions_takes_the_time_of_the_slowest_victim() {
    let world = World::new(4);
    let begun = Count::new(&world.bell);
    for tenths in [1, 4, 2, 3] {
        let begun = begun.clone();
        world.offer(Act::new("victim").run(move |cx| {
            begun.up();
            async move {
                cx.stopped().await;
                tokio::time::sleep(Duration::from_millis(100 * tenths)).await;
                Err(Error::interrupted())
            }
        }));
    }
    world.until("all run", || begun.get() == 4).await;
    for _ in 0..4 {
        world.request(Act::new("request"));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.waits("request"), [100, 200, 300, 400].map(Duration::from_millis));
}

/// Fault 18: an offer that was evicted was lost, though it had been acknowledged.
#[tokio::test(start_paused = true)]
async fn f18_an_evicted_offer_runs_again_and_is_acknowledged_once() {
    let world = World::new(1);
    let runs = Count::new(&world.bell);
    let offer = world.offer({
        let runs = runs.clone();
        Act::new("offer").run(move |cx| {
            let runs = runs.clone();
            async move {
                match runs.up() {
                    0 => {
                        cx.stopped().await;
                        Err(Error::interrupted())
                    }
                    _ => Ok(()),
                }
            }
        })
    });
    world.until("the offer runs", || runs.get() == 1).await;
    let request = world.request(world.brief("request"));
    assert_eq!(request.settled().await, Verdict::Done);
    world.until("the offer has run again", || runs.get() == 2 && world.slots(SlotStatus::Empty) == 1).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((runs.get(), offer.verdicts()), (2, vec![Verdict::Done]));
}
