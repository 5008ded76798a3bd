//! Faults in how the server bore its users: 7, 9, 12, 13, 16, 19 and 22.

use std::sync::{Arc, Weak};
use std::time::Duration;

use occamy_core::{BoxTask, Error, ErrorKind, Observation, Process, SlotStatus, TaskDetails, VerdictKind};
use occamy_runtime::{BuildError, Server, ServerBuilder};

use crate::common::{Act, Count, Gate, Log, World, is_failed};

/// Fault 7: a panic of the user's took the server with it.
#[tokio::test(start_paused = true)]
async fn f07_a_panic_anywhere_is_caught_recorded_and_settled() {
    let world = World::new(4);
    let (request, offer) = {
        let panics = World::with(1, |_| {
            Server::builder(occamy_core::handler_fn(|_, _| panic!("a bug in the handler"))).slots(1)
        });
        (panics.request(panics.brief("a")).settled().await, panics.offer(panics.brief("b")).settled().await)
    };
    for verdict in [request, offer] {
        assert!(is_failed(&verdict, ErrorKind::UnknownHandler), "{verdict:?}");
    }

    let details = world.request(Act::new("details").details(|| panic!("a bug in details")));
    assert!(is_failed(&details.settled().await, ErrorKind::UnknownHandler));
    assert_eq!(world.errors(), [ErrorKind::UnknownHandler]);

    let awaits = world.request(Act::new("awaits").run(|_| async { panic!("a bug in a future") }));
    assert!(is_failed(&awaits.settled().await, ErrorKind::UnknownTask));
    let computes = world.request(Act::new("computes").compute(|_| panic!("a bug in a thread")));
    assert!(is_failed(&computes.settled().await, ErrorKind::UnknownTask));
    let offered = world.offer(Act::new("offered").compute(|_| panic!("a bug in an offer")));
    assert_eq!(offered.settled().await.kind(), VerdictKind::Done);
    world.until("all are recorded", || world.errors().len() == 4).await;

    let gate = Gate::default();
    let expands = world.request(
        Act::new("expands")
            .expand(|_| panic!("a bug in expand"))
            .handle(|_, _, _| panic!("a bug in handle"))
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
    world.until("expand has panicked", || world.errors().len() == 5).await;
    assert_eq!(world.control("expands", "").settled().await.kind(), VerdictKind::Done);
    world.until("handle has panicked", || world.errors().len() == 6).await;
    assert!(world.recorded().iter().all(|error| error.message().starts_with("panicked: a bug in ")));
    gate.open();
    assert_eq!(expands.settled().await.kind(), VerdictKind::Done);

    assert_eq!(world.request(world.brief("after all")).settled().await.kind(), VerdictKind::Done);
}

/// Fault 9: nobody learnt of the errors of unprotected tasks.
#[tokio::test(start_paused = true)]
async fn f09_errors_of_unprotected_tasks_are_recorded() {
    let world = World::new(3);
    let fails = |id: &str, kind| Act::new(id).run(move |_| async move { Err(Error::new(kind, "no luck")) });
    world.offer(fails("offer", ErrorKind::InvalidBody));
    world.until("the offer's is recorded", || world.errors() == [ErrorKind::InvalidBody]).await;
    let first = Count::new(&world.bell);
    world.request(Act::new("master").expand(move |_| match first.up() {
        0 => vec![fails("assistant", ErrorKind::InternalHandler)],
        _ => Vec::new(),
    }));
    world.until("the assistant's, too", || world.errors().len() == 2).await;
    assert_eq!(world.errors(), [ErrorKind::InvalidBody, ErrorKind::InternalHandler]);
}

/// Fault 12: a control message that no task could handle was never acknowledged.
#[tokio::test(start_paused = true)]
async fn f12_a_control_message_is_acknowledged_even_if_all_its_handlers_fail() {
    let world = World::new(2);
    world.request(
        Act::new("same").handle(|_, _, _| Err(Error::new(ErrorKind::InvalidBody, "can't read this"))),
    );
    world.request(Act::new("same").handle(|_, _, _| panic!("can't read this either")));
    assert_eq!(world.control("same", "").settled().await.kind(), VerdictKind::Done);
    world.until("both are recorded", || world.errors().len() == 2).await;
    let mut errors = world.errors();
    errors.sort();
    assert_eq!(errors, [ErrorKind::InvalidBody, ErrorKind::UnknownTask]);
}

/// Fault 13: settings that make no sense were taken, and made the server hang or spin.
#[tokio::test]
async fn f13_settings_that_make_no_sense_are_errors() {
    let nonsense: [fn(ServerBuilder) -> ServerBuilder; 9] = [
        |builder| builder.slots(0),
        |builder| builder.slots(usize::MAX),
        |builder| builder.expansion_slot_buffer(2),
        |builder| builder.expansion_period(Duration::ZERO),
        |builder| builder.kill_timeout(Duration::ZERO),
        |builder| builder.mailbox(0),
        |builder| builder.max_attempts(0),
        |builder| builder.max_deliveries(0),
        |builder| builder.max_attempts(6).max_deliveries(5),
    ];
    for (number, settings) in nonsense.iter().enumerate() {
        let builder = Server::builder(occamy_core::handler_fn(|_, _| Ok(Act::new("").into()))).slots(2);
        let error = settings(builder).build().expect_err(&format!("number {number} makes no sense"));
        assert!(matches!(error, BuildError::Config(_) | BuildError::Mailbox), "{error}");
    }
}

/// Fault 16: user code that called the server it ran on was deadlocked.
#[tokio::test]
async fn f16_user_code_may_call_the_server_from_anywhere() {
    let world = Arc::new(World::new(4));
    let weak = Arc::downgrade(&world);
    let told = Count::new(&world.bell);
    world.on_observation({
        let (weak, told) = (weak.clone(), told.clone());
        move |observation| {
            if let Some(world) = weak.upgrade()
                && matches!(observation, Observation::Started { .. })
            {
                told.up();
                call_everything(&world, "nobody");
            }
        }
    });
    let (handled, called) = (Count::new(&world.bell), Log::new(&world.bell));
    let calls = |place: &'static str| {
        let (weak, called): (Weak<World>, _) = (weak.clone(), called.clone());
        move || {
            call_everything(&weak.upgrade().unwrap(), "caller");
            called.add(place);
        }
    };
    let (expand, run, handle) = (calls("expand"), calls("run"), calls("handle"));
    let receipt = world.request(
        Act::new("caller")
            .expand(move |_| {
                expand();
                Vec::new()
            })
            .handle(move |_, _, _| {
                if handled.up() == 0 {
                    handle();
                }
                Ok(())
            })
            .compute(move |cx| {
                run();
                cx.wait_stopped(Duration::MAX);
                Ok(())
            }),
    );
    for place in ["expand", "handle", "run"] {
        world.until(place, || called.get().contains(&place)).await;
    }
    world.until("the monitor has called", || told.get() >= 1).await;
    world.server.shutdown(Duration::ZERO).await;
    assert_eq!(receipt.verdict(), Some(VerdictKind::Done));
}

/// Fault 19: a control message reached the task that had taken the slot of the one it was for.
#[tokio::test(start_paused = true)]
async fn f19_a_control_message_never_reaches_another_task_in_the_same_slot() {
    let world = World::new(1);
    let (heard, gate) = (Log::new(&world.bell), Gate::default());
    let slow = Gate::default();
    let listener = |id: &'static str| {
        let (heard, slow) = (heard.clone(), slow.clone());
        Act::new(id).handle(move |_, _, body| {
            heard.add(format!("{id} {}", std::str::from_utf8(body).unwrap()));
            slow.pass();
            Ok(())
        })
    };
    let first = world.request(listener("a").run({
        let gate = gate.clone();
        move |_| {
            let gate = gate.clone();
            async move {
                gate.passed().await;
                Ok(())
            }
        }
    }));
    world.control("a", "1");
    world.until("the first is being handled", || heard.get().len() == 1).await;
    world.control("a", "2");
    gate.open();
    first.settled().await;
    world.request(listener("b"));
    assert_eq!(world.running("b"), 1);
    world.control("a", "3");
    slow.open();
    assert_eq!(world.control("b", "4").settled().await.kind(), VerdictKind::Done);
    world.until("b has heard of its own", || heard.get().len() == 2).await;
    let asks_are_over =
        |o: &Observation| matches!(o, Observation::Process { process: Process::HandleControlMessage, .. });
    assert_eq!(world.count(asks_are_over), 4);
    assert_eq!(heard.get(), ["a 1", "b 4"]);
}

/// Fault 22: a stop that overtook the start of its task was lost.
///
/// This is the half that can be had for certain. The other, with the two on two threads in either order, is
/// `stops_and_starts_meet_in_either_order` in `shuttle.rs`.
#[tokio::test]
async fn f22_a_task_that_is_stopped_before_it_begins_never_runs() {
    let world = Arc::new(World::new(1));
    let gate = Gate::default();
    let runs = Count::new(&world.bell);
    world.offer(Act::with_details(TaskDetails::new("").group("first")).compute({
        let gate = gate.clone();
        move |_| {
            gate.pass();
            Ok(())
        }
    }));
    let offer = world.offer(Act::new("second").compute({
        let runs = runs.clone();
        move |_| {
            runs.up();
            Ok(())
        }
    }));
    // The thread of the slot tells the monitors of the second offer's start before it runs it.
    let request: Arc<std::sync::OnceLock<_>> = Arc::default();
    world.on_observation({
        let (weak, request, runs) = (Arc::downgrade(&world), Arc::clone(&request), runs.clone());
        move |observation| {
            if matches!(observation, Observation::Started { group, .. } if &**group == "second") {
                request.get_or_init(|| {
                    assert_eq!(runs.get(), 0);
                    let world = weak.upgrade().unwrap();
                    world.request(world.brief("request"))
                });
            }
        }
    });
    gate.open();
    world.until("the offer has run", || runs.get() == 1 && world.slots(SlotStatus::Empty) == 1).await;
    assert_eq!((world.starts("second"), runs.get()), (2, 1), "it was started twice and ran once");
    assert_eq!(request.get().unwrap().settled().await.kind(), VerdictKind::Done);
    assert_eq!(offer.verdict(), Some(VerdictKind::Done));
}

fn call_everything(world: &World, id: &str) {
    world.server.expand_tasks();
    assert!(world.server.available() <= 4);
    assert_eq!(world.server.snapshot().usage.slots(), 4);
    world.control(id, "from within");
    let nothing: BoxTask = world.brief("");
    world.offer(nothing);
}
