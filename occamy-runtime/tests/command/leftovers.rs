//! Commands that wind down beside the request that took their slot.

use std::time::Duration;

use occamy_core::{SlotStatus, Verdict};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::common::World;
use crate::processes::{of_group, until_gone, until_none};
use crate::scripts::{DEAF, Said, sh};

/// A leftover is lowered after a tenth of it, and killed after eight.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_leftover_is_lowered_with_all_that_it_has_started() {
    let world = World::with(1, |builder| builder.eviction_overlap(1).kill_timeout(KILL_TIMEOUT));
    let (said, command) = Said::by(&world, sh("deaf", &format!("(trap '' TERM; sleep 1000) & {DEAF}")));
    world.offer(command);
    let id = said.id(&world).await;
    assert!(of_group(id).iter().all(|process| process.nice == 0), "{:?}", of_group(id));

    assert_eq!(
        world.request(sh("request", "exit $(nice)")).settled().await,
        Verdict::Done,
        "at once, and not so"
    );
    until_none(|| of_group(id).iter().any(|process| process.nice != 19)).await;
    assert!(of_group(id).len() >= 3, "{:?}", of_group(id));
    assert_eq!(world.server.snapshot().usage.leftovers, 1);

    put_an_end_to(&world, id).await;
}

#[tokio::test]
async fn nothing_is_lowered_where_that_is_not_wanted() {
    let world =
        World::with(1, |builder| builder.eviction_overlap(1).idle_priority(false).kill_timeout(KILL_TIMEOUT));
    let (said, command) = Said::by(&world, sh("deaf", DEAF));
    world.offer(command);
    let id = said.id(&world).await;
    assert_eq!(world.request(sh("request", ":")).settled().await, Verdict::Done);
    world.until("the slot is free", || world.slots(SlotStatus::Empty) == 1).await;
    assert!(of_group(id).iter().all(|process| process.nice == 0), "{:?}", of_group(id));
    put_an_end_to(&world, id).await;
}

/// The kill timeout is long, and the group deaf to everything else.
async fn put_an_end_to(world: &World, group: i32) {
    kill_process_group(Pid::from_raw(group).unwrap(), Signal::KILL).unwrap();
    world.until("its end is known", || world.server.snapshot().usage.leftovers == 0).await;
    until_gone(&[group]).await;
}
