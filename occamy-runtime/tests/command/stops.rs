//! Commands that are told to stop, and what becomes of their processes.

use std::time::{Duration, Instant};

use occamy_core::{CommandTask, Observation, OutcomeKind, SlotStatus, TaskDetails, Verdict};

use crate::common::World;
use crate::processes::{all, of_group, until_gone, until_none, until_unmarked};
use crate::scripts::{DEAF, Said, sh};

const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// Evicts a command once it has written its id, and this many other lines. Returns its id.
async fn evict(world: &World, command: CommandTask) -> i32 {
    let (said, command) = Said::by(world, command);
    world.offer(command);
    let id = said.id(world).await;
    assert_eq!(world.request(sh("request", ":")).settled().await, Verdict::Done);
    assert_eq!(world.errors(), [], "it ended in time");
    id
}

fn ends(world: &World, group: &str, kind: OutcomeKind) -> usize {
    world.count(
        |o| matches!(o, Observation::Finished { group: g, outcome, .. } if &**g == group && *outcome == kind),
    )
}

#[tokio::test]
async fn a_program_that_ends_on_sigterm_makes_room_at_once() {
    let world = World::with(1, |builder| builder.kill_timeout(Duration::from_secs(60)));
    let begin = Instant::now();
    let id = evict(&world, sh("a", "echo $$; exec sleep 1000")).await;
    assert!(begin.elapsed() < Duration::from_secs(30), "not by SIGKILL");
    assert_eq!(ends(&world, "a", OutcomeKind::Interrupted), 1);
    until_gone(&[id]).await;
}

#[tokio::test]
async fn a_program_that_ignores_sigterm_is_killed_within_the_kill_timeout() {
    let world = World::with(1, |builder| builder.kill_timeout(KILL_TIMEOUT));
    let id = evict(&world, sh("deaf", DEAF)).await;
    let wait = world.waits("request")[0];
    assert!(wait >= KILL_TIMEOUT.mul_f64(0.8) && wait < KILL_TIMEOUT, "{wait:?}");
    assert_eq!(ends(&world, "deaf", OutcomeKind::Interrupted), 1);
    until_gone(&[id]).await;
}

#[tokio::test]
async fn a_program_that_ends_well_on_its_stop_has_completed() {
    let world = World::new(1);
    let (said, command) =
        Said::by(&world, sh("polite", "trap 'exit 0' TERM; echo $$; while :; do sleep 0.01; done"));
    let request = world.request(command);
    said.id(&world).await;
    assert!(world.server.shutdown(Duration::ZERO).await.is_clean());
    assert_eq!(request.settled().await, Verdict::Done);
}

#[tokio::test]
async fn a_program_that_fails_on_its_stop_was_interrupted() {
    let world = World::new(1);
    let (said, command) =
        Said::by(&world, sh("cross", "trap 'exit 3' TERM; echo $$; while :; do sleep 0.01; done"));
    let request = world.request(command);
    said.id(&world).await;
    assert!(world.server.shutdown(Duration::ZERO).await.is_clean());
    assert_eq!(request.settled().await, Verdict::Interrupted);
}

#[tokio::test]
async fn a_grandchild_that_ignores_sigterm_dies_with_its_task() {
    let world = World::new(1);
    // The grandchild is deaf before anybody hears of it; its parent isn't.
    let script = "sh -c 'trap \"\" TERM; echo $PPID; exec sleep 1000' & wait";
    let id = evict(&world, sh("parent", script)).await;
    until_gone(&[id]).await;
}

#[tokio::test]
async fn a_program_that_leaves_its_own_group_is_stopped_and_killed_all_the_same() {
    for (name, script) in [
        ("obeys", "setpgrp(0, getpgrp(getppid)); print \"$$\\n\"; sleep 1000"),
        ("deaf", "$SIG{TERM} = 'IGNORE'; setpgrp(0, getpgrp(getppid)); print \"$$\\n\"; sleep 1000 while 1"),
    ] {
        let world = World::with(1, |builder| builder.kill_timeout(KILL_TIMEOUT));
        let command = CommandTask::new("perl").args(["-e", &format!("$| = 1; {script}")]);
        let id = evict(&world, command.details(TaskDetails::new(name).group(name))).await;
        assert_eq!(ends(&world, name, OutcomeKind::Interrupted), 1);
        until_none(|| all().iter().any(|process| process.id == id && !process.zombie)).await;
    }
}

#[tokio::test]
async fn what_a_program_leaves_running_dies_when_it_has_ended() {
    let world = World::new(1);
    let script = "(trap '' TERM; exec sleep 1000) & sleep 1000 <&- >&- 2>&- & echo $$";
    let (said, command) = Said::by(&world, sh("parent", script));
    let begin = Instant::now();
    assert_eq!(world.request(command).settled().await, Verdict::Done);
    assert!(begin.elapsed() < Duration::from_secs(30), "nobody waits for the grandchildren");
    until_gone(&[said.id(&world).await]).await;
}

#[tokio::test]
async fn a_program_whose_guard_is_killed_is_killed() {
    let world = World::new(1);
    let (said, command) = Said::by(&world, sh("a", "trap '' TERM; echo $$; exec sleep 1000"));
    let request = world.request(command);
    let id = said.id(&world).await;
    let guards = of_group(id).into_iter().filter(|process| process.id != id).collect::<Vec<_>>();
    assert_eq!(guards.len(), 1, "{guards:?}");
    let guard = rustix::process::Pid::from_raw(guards[0].id).unwrap();
    for harmless in
        [rustix::process::Signal::TERM, rustix::process::Signal::HUP, rustix::process::Signal::INT]
    {
        rustix::process::kill_process(guard, harmless).unwrap();
    }
    assert_eq!(of_group(id).len(), 2);
    rustix::process::kill_process(guard, rustix::process::Signal::KILL).unwrap();
    assert!(matches!(request.settled().await, Verdict::Failed(_)));
    until_gone(&[id]).await;
}

/// The stop may come before the program is launched, while it is parked, or when it runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_at_any_instant_of_a_launch_leaves_no_process() {
    let world = World::new(1);
    let mark = format!("occamy-stopped-{}", std::process::id());
    for _ in 0..50 {
        world.offer(sh("offer", "sleep 1000; exit").arg(&mark));
        tokio::time::sleep(Duration::from_micros(fastrand::u64(0..8_000))).await;
        assert_eq!(world.request(sh("request", ":")).settled().await, Verdict::Done);
    }
    assert_eq!(world.errors(), []);
    drop(world);
    until_unmarked(&mark).await;
}

#[tokio::test]
async fn a_server_that_is_dropped_leaves_no_process() {
    let world = World::new(4);
    let mut ids = Vec::new();
    for script in [DEAF, "echo $$; exec sleep 1000", "echo $$; exec yes", "sleep 1000 & echo $$; wait"] {
        let (said, command) = Said::by(&world, sh("a", script));
        world.offer(command);
        world.until("it runs", || !said.lines().is_empty()).await;
        ids.push(said.lines()[0].parse().unwrap());
    }
    assert_eq!(world.slots(SlotStatus::UnprotectedExternal), 4);
    drop(world);
    until_gone(&ids).await;
}
