//! Settlements that fail, or take their time.

use std::time::Duration;

use occamy_core::{Error, ErrorKind, Observation, Verdict, VerdictKind};

use crate::common::{Act, Gate, Settling, World};

fn settled(observation: &Observation) -> bool {
    matches!(observation, Observation::Settled { .. })
}

#[tokio::test(start_paused = true)]
async fn a_settlement_that_fails_is_recorded() {
    let world = World::new(1);
    let broken = |kind| Settling::Fails(Error::new(kind, "the connection is gone"));
    let done = world.letter(world.brief("task")).settling(broken(ErrorKind::MessageNotAcked));
    world.send_request(done).settled().await;
    world.until("the first is recorded", || world.errors() == [ErrorKind::MessageNotAcked]).await;

    let fails = Act::new("fails").run(|_| async { Err(Error::new(ErrorKind::InvalidBody, "no good")) });
    let failed = world.letter(fails).settling(broken(ErrorKind::MessageNotNacked));
    world.send_request(failed).settled().await;
    world.until("the second is recorded", || world.errors().contains(&ErrorKind::MessageNotNacked)).await;
    assert_eq!(world.count(settled), 0);
    assert_eq!(world.request(world.brief("task")).settled().await, Verdict::Done, "the server goes on");
}

#[tokio::test(start_paused = true)]
async fn a_panic_counts_as_a_settlement_that_failed() {
    let world = World::new(1);
    for settling in [Settling::Panics, Settling::PanicsEarly] {
        world.server.drain();
        world.send_request(world.letter(world.brief("task")).settling(settling));
    }
    assert_eq!(world.errors(), [ErrorKind::MessageNotNacked; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_settlement_holds_up_neither_slot_nor_caller() {
    let world = World::new(1);
    let gate = Gate::default();
    let slow = world.send_request(world.letter(world.brief("slow")).settling(Settling::Behind(gate.clone())));
    world.until("the slow one's slot is free", || world.server.available() == 1).await;
    assert_eq!(world.request(world.brief("next")).settled().await, Verdict::Done);
    assert_eq!((slow.verdict(), world.count(settled)), (None, 1));
    gate.open();
    assert_eq!(slow.settled().await, Verdict::Done);
    world.until("and the monitor hears of it", || world.count(settled) == 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_slow_settlements() {
    let world = World::with(1, |builder| builder.kill_timeout(Duration::from_secs(5)));
    let gate = Gate::default();
    let slow = world.send_request(world.letter(world.brief("slow")).settling(Settling::Behind(gate.clone())));
    world.until("its slot is free", || world.server.available() == 1).await;
    let later = gate.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(4)).await;
        later.open();
    });
    let begin = tokio::time::Instant::now();
    let report = world.server.shutdown(Duration::ZERO).await;
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(begin.elapsed(), Duration::from_secs(4));
    assert_eq!(slow.verdict(), Some(VerdictKind::Done));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_gives_up_on_a_settlement_that_takes_too_long() {
    let world = World::with(1, |builder| builder.kill_timeout(Duration::from_secs(5)));
    let never = Settling::Behind(Gate::default());
    world.send_request(world.letter(world.brief("slow")).settling(never));
    world.until("its slot is free", || world.server.available() == 1).await;
    let begin = tokio::time::Instant::now();
    let report = world.server.shutdown(Duration::ZERO).await;
    assert_eq!((report.unsettled, report.wedged.len()), (1, 0));
    assert!(begin.elapsed() <= Duration::from_millis(5_001), "{:?}", begin.elapsed());
}
