//! Tasks that await, and stops as they see them.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use occamy_core::{BoxTask, Error, Observation, OutcomeKind, Verdict};

use crate::common::{Act, Count, Gate, World};

const KILL_TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn a_future_that_ignores_its_stop_is_dropped_before_the_kill_timeout() {
    struct Dropped(Count);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.up();
        }
    }
    let world = World::with(1, |builder| builder.kill_timeout(KILL_TIMEOUT));
    let (begun, dropped) = (Count::new(&world.bell), Count::new(&world.bell));
    world.offer(Act::new("deaf").run({
        let (begun, dropped) = (begun.clone(), dropped.clone());
        move |_| {
            let (begun, dropped) = (begun.clone(), Dropped(dropped.clone()));
            async move {
                begun.up();
                std::future::pending::<()>().await;
                drop(dropped);
                Ok(())
            }
        }
    }));
    world.until("it runs", || begun.get() == 1).await;
    let request = world.request(world.brief("request"));
    assert_eq!(request.settled_in_time(KILL_TIMEOUT).await, Verdict::Done);
    assert_eq!(dropped.get(), 1);
    let wait = world.waits("request")[0];
    assert!(wait >= KILL_TIMEOUT.mul_f64(0.8) && wait <= KILL_TIMEOUT.mul_f64(0.81), "{wait:?}");
    let end = |o: &Observation| matches!(o, Observation::Finished { group, outcome: OutcomeKind::Interrupted, .. } if &**group == "deaf");
    assert_eq!((world.count(end), world.errors()), (1, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_seen_by_check_by_await_and_by_a_thread_that_waits() {
    let world = World::new(3);
    let (begun, seen) = (Count::new(&world.bell), Count::new(&world.bell));
    let looks = [(); 3].map(|()| (begun.clone(), seen.clone()));
    let [checks, awaits, waits] = looks;
    world.offer(Act::new("checks").compute(move |cx| {
        checks.0.up();
        while cx.check().is_ok() {
            std::thread::yield_now();
        }
        assert!(cx.is_stopped());
        checks.1.up();
        cx.check()
    }));
    world.offer(Act::new("awaits").run(move |cx| {
        let awaits = awaits.clone();
        async move {
            awaits.0.up();
            // A second future, and one that was dropped, change nothing.
            drop(cx.stopped());
            tokio::join!(cx.stopped(), cx.stopped());
            awaits.1.up();
            cx.check()
        }
    }));
    world.offer(Act::new("waits").compute(move |cx| {
        assert!(!cx.wait_stopped(Duration::ZERO));
        waits.0.up();
        assert!(cx.wait_stopped(Duration::MAX));
        waits.1.up();
        Err(Error::interrupted())
    }));
    world.until("all run", || begun.get() == 3).await;
    for _ in 0..3 {
        world.request(Act::new("request"));
    }
    world.until("all have seen it", || seen.get() == 3).await;
}

/// The stop comes while nobody waits yet.
#[tokio::test(start_paused = true)]
async fn a_stop_that_came_before_is_seen_at_once() {
    let world = World::new(1);
    let (begun, seen) = (Count::new(&world.bell), Count::new(&world.bell));
    let go = Arc::new(tokio::sync::Notify::new());
    world.offer(Act::new("late to look").run({
        let (begun, seen, go) = (begun.clone(), seen.clone(), Arc::clone(&go));
        move |cx| {
            let (begun, seen, go) = (begun.clone(), seen.clone(), Arc::clone(&go));
            async move {
                begun.up();
                go.notified().await;
                cx.stopped().await;
                assert!(cx.wait_stopped(Duration::MAX));
                seen.up();
                cx.check()
            }
        }
    }));
    world.until("it runs", || begun.get() == 1).await;
    world.request(Act::new("request"));
    go.notify_one();
    world.until("it was seen", || seen.get() == 1).await;
}

/// Whoever gives others a turn is not to be polled again before they had it.
#[tokio::test]
async fn a_future_that_waits_is_polled_once() {
    let world = World::new(2);
    let (polls, asked) = (Count::new(&world.bell), Count::new(&world.bell));
    let act = Act::new("waits").expand({
        let asked = asked.clone();
        move |_| {
            asked.up();
            Vec::new()
        }
    });
    world.request(act.run({
        let polls = polls.clone();
        move |_| {
            let polls = polls.clone();
            poll_fn(move |_| {
                polls.up();
                Poll::Pending
            })
        }
    }));
    world.until("it is asked", || asked.get() == 1).await;
    assert_eq!(polls.get(), 1);
}

/// A future that blocks its thread, and with it the paused clock: so nothing is owed to a timer.
fn blocks(act: Act, until: std::sync::mpsc::Receiver<()>, in_time: &Count) -> BoxTask {
    let (until, in_time) = (std::sync::Mutex::new(until), in_time.clone());
    act.run(move |_| {
        if until.lock().expect("nobody panics").recv_timeout(Duration::from_secs(5)).is_ok() {
            in_time.up();
        }
        async { Ok(()) }
    })
}

#[tokio::test(start_paused = true)]
async fn whoever_computes_does_not_wait_for_a_future_to_rest() {
    let world = World::new(3);
    let (in_time, gate) = (Count::new(&world.bell), Gate::default());
    let (asked, was_asked) = std::sync::mpsc::channel();
    let future = world.request(blocks(Act::new("blocks"), was_asked, &in_time));
    let computes = Act::new("computes").expand(move |_| {
        let _ = asked.send(());
        Vec::new()
    });
    let computes = world.request(computes.compute({
        let gate = gate.clone();
        move |_| {
            gate.pass();
            Ok(())
        }
    }));
    future.settled().await;
    gate.open();
    computes.settled().await;
    assert_eq!(in_time.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_offer_does_not_wait_for_a_future_to_rest() {
    let world = World::new(2);
    let in_time = Count::new(&world.bell);
    let (began, has_begun) = std::sync::mpsc::channel();
    let future = world.request(blocks(Act::new("blocks"), has_begun, &in_time));
    world.offer(Act::new("offer").compute(move |_| {
        let _ = began.send(());
        Ok(())
    }));
    future.settled().await;
    assert_eq!(in_time.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_future_that_does_not_rest_is_asked_when_a_slot_falls_free() {
    let world = World::new(2);
    let (in_time, asking) = (Count::new(&world.bell), Count::new(&world.bell));
    let (end, release, (asked, was_asked)) = (Gate::default(), Gate::default(), std::sync::mpsc::channel());
    // The thread that asks it is kept, so it can't come to look for more.
    let other = Act::new("other").expand({
        let (release, asking) = (release.clone(), asking.clone());
        move |_| {
            asking.up();
            release.pass();
            Vec::new()
        }
    });
    let other = world.request(other.compute({
        let end = end.clone();
        move |_| {
            end.pass();
            let _ = tokio::time::advance(Duration::from_millis(2)).now_or_never();
            Ok(())
        }
    }));
    world.until("it is asked", || asking.get() == 1).await;
    let blocking = Act::new("blocks").expand(move |_| {
        let _ = asked.send(());
        Vec::new()
    });
    let future = world.request(blocks(blocking, was_asked, &in_time));
    end.open();
    future.settled().await;
    other.settled().await;
    release.open();
    assert_eq!(in_time.get(), 1);
}
