//! Tasks that don't end when they are told to: what they cost, and what is known of them.

use std::time::Duration;

use occamy_core::{BoxTask, Observation, Verdict, VerdictKind};

use crate::common::{Act, Count, Gate, World};

/// Looks at no stop, and returns when a gate is open.
fn deaf(id: &str, begun: &Count, gate: &Gate) -> BoxTask {
    let (begun, gate) = (begun.clone(), gate.clone());
    Act::new(id).compute(move |_| {
        begun.up();
        gate.pass();
        Ok(())
    })
}

#[tokio::test]
async fn a_server_is_unhealthy_while_more_slots_are_wedged_than_it_can_bear() {
    for (bearable, slots) in [(None, 2), (Some(1), 3)] {
        let world = World::with(slots, |builder| {
            let builder = builder.kill_timeout(Duration::from_millis(20));
            match bearable {
                Some(bearable) => builder.max_wedged_slots(bearable),
                None => builder,
            }
        });
        let (begun, gates) = (Count::new(&world.bell), [Gate::default(), Gate::default()]);
        for _ in 2..slots {
            world.request(Act::new("request"));
        }
        world.offer(deaf("first", &begun, &gates[0]));
        world.offer(deaf("second", &begun, &gates[1]));
        world.until("both run", || begun.get() == 2).await;

        // One request stops one after the other, and neither ends.
        assert_eq!(world.request(world.brief("refused")).settled().await, Verdict::Busy);
        assert_eq!(world.server.snapshot().usage.wedged, 2);
        assert!(!world.server.is_healthy() && !world.server.snapshot().usage.healthy);

        gates[0].open();
        world.until("one slot is free", || world.server.snapshot().usage.wedged == 1).await;
        assert!(world.server.is_healthy() && world.server.snapshot().usage.healthy);
        gates[1].open();
        world.until("both slots are free", || world.server.snapshot().usage.wedged == 0).await;
        let told: Vec<_> = world
            .observations()
            .into_iter()
            .filter_map(|observation| match observation {
                Observation::Slots(usage) => Some(usage.healthy),
                _ => None,
            })
            .collect();
        assert_eq!(
            told.iter().filter(|&&healthy| !healthy).count(),
            1,
            "the monitors are told when it changes"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_from_stop_to_end_is_told_with_the_group() {
    let world = World::with(2, |builder| builder.kill_timeout(Duration::from_secs(10)));
    let begun = Count::new(&world.bell);
    let slow = |id: &'static str, millis| {
        let begun = begun.clone();
        Act::new(id).run(move |cx| {
            begun.up();
            async move {
                cx.stopped().await;
                tokio::time::sleep(Duration::from_millis(millis)).await;
                Ok(())
            }
        })
    };
    world.offer(slow("quick", 10));
    world.offer(slow("slow", 700));
    world.until("both run", || begun.get() == 2).await;
    let requests = [world.request(world.brief("one")), world.request(world.brief("two"))];
    let stops = || -> Vec<_> {
        let stops = world.observations().into_iter().filter_map(|observation| match observation {
            Observation::Finished { group, stopping: Some(stopping), .. } => Some((group, stopping)),
            _ => None,
        });
        stops.collect()
    };
    world.bell.rung_and(|| stops().len() == 2).await;
    for request in requests {
        assert_eq!(request.settled().await, Verdict::Done);
    }
    let stops = stops();
    let millis = |group: &str| {
        let of_group: Vec<_> = stops.iter().filter(|(of, _)| &**of == group).collect();
        assert_eq!(of_group.len(), 1, "{stops:?}");
        of_group[0].1.as_millis()
    };
    assert_eq!((millis("quick"), millis("slow")), (10, 700));
}

#[tokio::test]
async fn a_wedged_slot_is_not_used_until_its_task_returns_though_others_come_and_go() {
    let world = World::with(2, |builder| builder.kill_timeout(Duration::from_millis(20)));
    let (begun, gate) = (Count::new(&world.bell), Gate::default());
    let offer = world.offer(deaf("deaf", &begun, &gate));
    world.until("it runs", || begun.get() == 1).await;
    let deaf_slot = world.server.snapshot().tasks[0].slot;
    let held = world.request(Act::new("held"));
    assert_eq!(world.request(world.brief("refused")).settled().await, Verdict::Busy);
    assert_eq!(offer.verdict(), Some(VerdictKind::Done));
    world.server.shutdown(Duration::ZERO).await;
    assert_eq!(held.settled().await, Verdict::Interrupted);
    let in_that_slot = |o: &Observation| matches!(o, Observation::Started { slot, .. } if *slot == deaf_slot);
    assert_eq!(world.count(in_that_slot), 1);
    gate.open();
}
