//! What programs write, as their owner gets it.

use occamy_core::{Error, ErrorKind, OutputStream, Verdict};

use crate::common::{Count, Log, World, is_failed};
use crate::processes::{of_group, until_gone, until_none};
use crate::scripts::{Said, sh};

#[tokio::test]
async fn the_owner_gets_every_line_of_both_streams() {
    let world = World::new(1);
    let lines = Log::new(&world.bell);
    let script =
        r"printf 'one\n\n'; printf 'two \377\n' >&2; head -c 9000 /dev/zero | tr '\0' x; printf '\nthree'";
    let command = sh("a", script).on_output({
        let lines = lines.clone();
        move |cx, line| {
            assert_eq!(cx.id(), "a");
            lines.add((line.stream, line.bytes.to_vec(), line.cut));
        }
    });
    assert_eq!(world.request(command).settled().await, Verdict::Done);
    let of =
        |stream| lines.get().into_iter().filter(move |line| line.0 == stream).map(|line| (line.1, line.2));
    let long = vec![b'x'; 8192];
    let expected = [(b"one".to_vec(), false), (vec![], false), (long, true), (b"three".to_vec(), false)];
    assert_eq!(of(OutputStream::Stdout).collect::<Vec<_>>(), expected);
    assert_eq!(of(OutputStream::Stderr).collect::<Vec<_>>(), [(b"two \xff".to_vec(), false)]);
}

/// What it writes is neither kept nor waited for, and its stop is seen.
#[tokio::test]
async fn an_endless_writer_can_be_evicted() {
    for script in ["echo $$; exec yes", "echo $$; exec cat /dev/zero", "echo $$; exec yes >&2"] {
        let world = World::new(1);
        let (ids, bytes) = (Log::new(&world.bell), Count::new(&world.bell));
        world.offer(sh("writer", script).on_output({
            let (ids, bytes) = (ids.clone(), bytes.clone());
            move |_, line| {
                assert!(line.bytes.len() <= 8192);
                if let Ok(id) = line.text().parse::<i32>() {
                    ids.add(id);
                }
                bytes.up();
            }
        }));
        let lines = if script.contains("zero") { 1 } else { 10_000 };
        world.until("it writes", || bytes.get() >= lines && ids.get().len() == 1).await;
        // Before it is run again, under another id.
        let first = ids.get();
        assert_eq!(world.request(sh("request", ":")).settled().await, Verdict::Done);
        assert_eq!(world.errors(), []);
        until_gone(&first).await;
    }
}

/// The same on the one thread that also reads: others get their turn.
#[tokio::test]
async fn an_endless_writer_leaves_time_to_others() {
    let world = World::new(2);
    let lines = Count::new(&world.bell);
    world.request(sh("writer", "exec yes").on_output({
        let lines = lines.clone();
        move |_, _| {
            lines.up();
        }
    }));
    world.until("it writes", || lines.get() > 1000).await;
    for _ in 0..10 {
        assert_eq!(world.request(sh("request", "echo done")).settled().await, Verdict::Done);
    }
}

#[tokio::test]
async fn a_process_that_left_the_group_does_not_keep_its_task() {
    let world = World::new(1);
    let (said, command) = Said::by(&world, sh("a", "setsid sleep 1000 & echo $!; exit 0"));
    assert_eq!(world.request(command).settled().await, Verdict::Done);
    let left = said.id(&world).await;
    // It is on its own, as documented.
    let left = rustix::process::Pid::from_raw(left).unwrap();
    rustix::process::kill_process(left, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test]
async fn an_owner_that_panics_ends_the_program() {
    let world = World::new(1);
    let ids = Log::new(&world.bell);
    let command = sh("a", "trap '' TERM; echo $$; exec sleep 1000").on_output({
        let ids = ids.clone();
        move |_, line| {
            ids.add(line.text().parse().unwrap());
            panic!("the owner has a bug");
        }
    });
    let verdict = world.request(command).settled().await;
    assert!(is_failed(&verdict, ErrorKind::UnknownTask), "{verdict:?}");
    assert!(verdict.error().map(Error::message).unwrap().contains("the owner has a bug"));
    // Nobody of ours is left to wait for it, so tokio does.
    until_none(|| !of_group(ids.get()[0]).is_empty()).await;
    assert_eq!(world.request(sh("request", ":")).settled().await, Verdict::Done);
}
