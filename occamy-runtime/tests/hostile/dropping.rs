//! Values that do something when they are dropped.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use occamy_core::{Error, ErrorKind, Headers, SlotStatus, Verdict, VerdictKind};

use crate::OnDrop;
use crate::common::{Act, Count, Gate, Letter, World};

#[tokio::test]
async fn a_task_that_panics_when_dropped_does_not_take_its_successor_with_it() {
    let world = World::new(1);
    let (gate, begun) = (Gate::default(), Count::new(&world.bell));
    let clumsy = OnDrop::new(|| panic!("a clumsy drop"));
    let first = world.offer(Act::new("clumsy").compute({
        let (gate, begun) = (gate.clone(), begun.clone());
        move |_| {
            let _ = &clumsy;
            begun.up();
            gate.pass();
            Ok(())
        }
    }));
    world.until("it runs", || begun.get() == 1).await;
    let successor = world.request(Act::new("successor").compute(|_| Ok(())));
    assert_eq!(world.server.snapshot().usage.waiting, 1);
    gate.open();
    assert_eq!(successor.settled().await, Verdict::Done);
    assert_eq!(first.verdict(), Some(VerdictKind::Done));
    world.server.shutdown(Duration::ZERO).await;
}

#[tokio::test]
async fn an_error_whose_source_calls_the_server_when_dropped_deadlocks_nobody() {
    let world = Arc::new(World::new(2));
    let (begun, drops) = (Count::new(&world.bell), Count::new(&world.bell));
    let fails = {
        let (weak, begun, drops) = (Arc::downgrade(&world), begun.clone(), drops.clone());
        Act::new("fails").run(move |cx| {
            let (weak, drops) = (weak.clone(), drops.clone());
            begun.up();
            async move {
                cx.stopped().await;
                let source = OnDrop::new(move || {
                    if let Some(world) = weak.upgrade() {
                        assert!(world.server.available() <= 2);
                    }
                    drops.up();
                });
                Err(Error::new(ErrorKind::InternalHandler, "too late to matter").with_source(source))
            }
        })
    };
    world.offer(fails);
    world.until("it runs", || begun.get() == 1).await;
    for _ in 0..2 {
        world.request(Act::new("request"));
    }
    world.until("the source was dropped", || drops.get() == 1).await;
    world.until("both run", || world.slots(SlotStatus::Protected) == 2).await;
}

#[tokio::test]
async fn a_control_message_that_calls_the_server_when_dropped_deadlocks_nobody() {
    let world = Arc::new(World::with(1, |builder| builder.mailbox(1)));
    let (slow, gate, drops) = (Gate::default(), Gate::default(), Count::new(&world.bell));
    let handled = Count::new(&world.bell);
    let listener = world.request(
        Act::new("listener")
            .handle({
                let (slow, handled) = (slow.clone(), handled.clone());
                move |_, _, _| {
                    handled.up();
                    slow.pass();
                    Ok(())
                }
            })
            .run({
                let gate = gate.clone();
                move |_| {
                    let gate = gate.clone();
                    async move {
                        gate.passed().await;
                        Ok(())
                    }
                }
            }),
    );
    for number in 0..3 {
        let (weak, drops) = (Arc::downgrade(&world), drops.clone());
        let body = Bytes::from_owner(OnDrop::new(move || {
            if let Some(world) = weak.upgrade() {
                assert!(world.server.available() <= 1);
            }
            drops.up();
        }));
        let letter = Letter::new(&world.bell, Headers::new().with("task-id", "listener")).with_body(body);
        world.send_control(letter);
        if number == 0 {
            world.until("the first is being handled", || handled.get() == 1).await;
        }
    }
    // The third has pushed the second out of the mailbox, and goes when the task ends.
    world.until("the second was dropped", || drops.get() == 1).await;
    gate.open();
    listener.settled().await;
    world.until("the third was dropped", || drops.get() == 2).await;
    slow.open();
    world.until("the first was dropped", || drops.get() == 3).await;
}

/// Settlements that are still to be begun count among those that a shutdown waits for.
#[tokio::test(start_paused = true)]
async fn a_shutdown_tells_of_settlements_that_have_not_begun() {
    let world = World::new(2);
    let begun = Count::new(&world.bell);
    for _ in 0..2 {
        let begun = begun.clone();
        world.offer(Act::new("offer").run(move |cx| {
            begun.up();
            async move {
                cx.stopped().await;
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(())
            }
        }));
    }
    world.until("both run", || begun.get() == 2).await;
    let (gate, blocked) = (Gate::default(), Count::new(&world.bell));
    let waiting = [(); 2].map(|()| {
        let blocks = OnDrop::new({
            let (gate, blocked) = (gate.clone(), blocked.clone());
            move || {
                blocked.up();
                gate.pass();
            }
        });
        world.request(Act::new("waits").compute(move |_| {
            let _ = &blocks;
            Ok(())
        }))
    });
    // One thread begins the shutdown, and is held up between the settlements of the two requests.
    let thread = std::thread::spawn({
        let (server, runtime) = (world.server.clone(), tokio::runtime::Handle::current());
        move || {
            let _context = runtime.enter();
            let mut shutdown = pin!(server.shutdown(Duration::ZERO));
            let _ = shutdown.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
    });
    world.until("it is held up", || blocked.get() == 1).await;
    let report = world.server.shutdown(Duration::ZERO).await;
    assert_eq!(waiting.each_ref().map(|receipt| receipt.verdicts().len()), [1, 0]);
    assert_eq!((report.unsettled, report.is_clean()), (1, false));
    gate.open();
    thread.join().unwrap();
    assert_eq!(waiting[1].verdict(), Some(VerdictKind::Interrupted));
}
