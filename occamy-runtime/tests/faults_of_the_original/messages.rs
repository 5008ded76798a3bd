//! Faults in what became of messages: 1 to 3, 5, 6, 10 and 11.

use std::time::{Duration, SystemTime};

use occamy_core::{Error, ErrorKind, Observation, OfferEnd, TaskDetails, Verdict, VerdictKind};

use crate::common::{Act, Count, Gate, World, is_failed};

/// Fault 1: a task id header that was not a string brought the server down.
#[tokio::test(start_paused = true)]
async fn f01_a_task_id_that_is_not_a_string_is_recorded_and_rejected() {
    let world = World::new(2);
    let handled = Count::new(&world.bell);
    world.request(Act::new("7").handle({
        let handled = handled.clone();
        move |_, _, _| {
            handled.up();
            Ok(())
        }
    }));
    let calls = world.handled.get();

    let letter = world.letter(world.brief("never")).with_header("task-id", 7);
    let verdict = world.send_control(letter).settled().await;

    assert!(is_failed(&verdict, ErrorKind::InvalidHeaders), "{verdict:?}");
    assert_eq!(world.errors(), [ErrorKind::InvalidHeaders]);
    assert_eq!((world.handled.get(), handled.get()), (calls, 0), "neither handler nor task heard of it");
    assert_eq!(world.starts("never"), 0);
}

/// Fault 2: an offer without a deadline was taken for one that had expired.
#[tokio::test(start_paused = true)]
async fn f02_an_offer_without_a_deadline_never_expires() {
    let world = World::new(1);
    let gate = Gate::default();
    world.request(waits_for(&gate, "request"));
    let receipt = world.offer(world.brief("offer"));
    let mut late = TaskDetails::new("late").group("late");
    late.deadline = Some(SystemTime::now() + Duration::from_secs(3600));
    world.offer(Act::with_details(late));
    assert_eq!(receipt.verdict(), Some(VerdictKind::Done));

    tokio::time::sleep(Duration::from_secs(3 * 3600)).await;
    gate.open();
    world.until("the offer runs", || world.starts("offer") == 1).await;

    let expired = |o: &Observation| matches!(o, Observation::OfferDropped { end: OfferEnd::Expired, .. });
    assert_eq!(world.count(expired), 1, "the one with a deadline");
    assert_eq!(world.starts("late"), 0);
}

/// Fault 3: an offer that could not be placed blocked all that came after it.
#[tokio::test(start_paused = true)]
async fn f03_an_offer_that_cannot_be_placed_blocks_no_other() {
    let world = World::with(1, |builder| builder.max_offers(2));
    let gate = Gate::default();
    world.request(waits_for(&gate, "request"));
    let accepted = [world.offer(world.brief("offer")), world.offer(world.brief("offer"))];
    let refused = world.offer(world.brief("offer"));
    assert!(accepted.iter().all(|receipt| receipt.verdict() == Some(VerdictKind::Done)));
    assert!(is_failed(&refused.settled().await, ErrorKind::TaskNotAdded));

    gate.open();
    let finished = |o: &Observation| matches!(o, Observation::Finished { .. });
    world.until("the request and both offers have run", || world.count(finished) == 3).await;
    let later = world.offer(world.brief("later"));
    world.until("a later one runs", || world.count(finished) == 4).await;
    assert_eq!(later.verdict(), Some(VerdictKind::Done));
    assert_eq!(world.starts("offer"), 2);
}

/// Fault 5: what became of a message when its protected task was stopped hung on how the task returned.
#[tokio::test(start_paused = true)]
async fn f05_a_stopped_protected_task_settles_its_message_however_it_ends() {
    let world = World::new(4);
    let gate = Gate::default();
    let begun = Count::new(&world.bell);
    let receipts = [
        world.request(after_stop("ok", || Ok(()))),
        world.request(after_stop("fails", || Err(Error::new(ErrorKind::InvalidBody, "too late")))),
        world.request(after_stop("obeys", || Err(Error::interrupted()))),
        world.request({
            let (gate, begun) = (gate.clone(), begun.clone());
            Act::new("deaf").compute(move |_| {
                begun.up();
                gate.pass();
                Ok(())
            })
        }),
    ];
    world.until("the deaf one runs", || begun.get() == 1).await;

    let report = world.server.shutdown(Duration::from_secs(1)).await;

    let verdicts = receipts.each_ref().map(|receipt| receipt.verdict().unwrap());
    let requeued = VerdictKind::Interrupted;
    assert_eq!(verdicts, [VerdictKind::Done, requeued, requeued, requeued]);
    assert_eq!(world.errors(), [ErrorKind::TaskNotKilled]);
    assert_eq!(report.wedged.iter().map(|task| &*task.id).collect::<Vec<_>>(), ["deaf"]);

    let finished = |o: &Observation| matches!(o, Observation::Finished { .. });
    gate.open();
    world.until("its late end is noticed", || world.count(finished) == 4).await;
    assert_eq!(receipts[3].verdicts(), [Verdict::Interrupted], "its late end changes nothing");
}

/// Fault 6: after a shutdown had begun, requests were lost, offers taken and tasks expanded.
#[tokio::test(start_paused = true)]
async fn f06_nothing_new_begins_once_a_shutdown_has() {
    let world = World::new(4);
    let (gate, asked) = (Gate::default(), Count::new(&world.bell));
    let running = world.request({
        let (gate, asked) = (gate.clone(), asked.clone());
        let act = Act::new("running").expand(move |_| {
            asked.up();
            Vec::new()
        });
        act.run(move |_| {
            let gate = gate.clone();
            async move {
                gate.passed().await;
                Ok(())
            }
        })
    });
    world.until("it was asked", || asked.get() == 1).await;
    let server = world.server.clone();
    let shutdown = tokio::spawn(async move { server.shutdown(Duration::from_secs(60)).await });
    world.until("the shutdown has begun", || world.server.snapshot().usage.draining).await;
    let calls = world.handled.get();

    let request = world.request(world.brief("new"));
    let offer = world.offer(world.brief("new"));
    world.server.expand_tasks();
    assert_eq!(request.settled().await, Verdict::Busy);
    assert!(is_failed(&offer.settled().await, ErrorKind::TaskNotAdded));
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!((world.handled.get(), asked.get(), world.starts("new")), (calls, 1, 0));

    gate.open();
    assert!(shutdown.await.unwrap().is_clean());
    assert_eq!(running.verdict(), Some(VerdictKind::Done));
    assert_eq!(world.request(world.brief("new")).settled().await, Verdict::Busy);
}

/// Fault 10: offers were kept without a bound.
#[tokio::test(start_paused = true)]
async fn f10_a_flood_of_offers_stays_within_its_bounds() {
    let world = World::with(1, |builder| builder.max_offers(100).max_offer_bytes(10_000));
    world.request(Act::new("request"));
    let mut accepted = 0;
    for _ in 0..5_000 {
        let receipt = world.send_control(world.letter(Act::new("small")));
        accepted += usize::from(receipt.verdict() == Some(VerdictKind::Done));
    }
    assert_eq!(accepted, 100, "bounded by number");
    most_held(&world, 100, 10_000);

    let world = World::with(1, |builder| builder.max_offers(100).max_offer_bytes(10_000));
    world.request(Act::new("request"));
    let mut accepted = 0;
    for _ in 0..5_000 {
        let receipt = world.send_control(world.letter(Act::new("big")).with_body(vec![0; 1_000]));
        accepted += usize::from(receipt.verdict() == Some(VerdictKind::Done));
    }
    assert_eq!(accepted, 9, "bounded by bytes, headers included");
    most_held(&world, 9, 10_000);
}

/// Fault 11: a handler that had no task to give left its message unsettled.
#[tokio::test(start_paused = true)]
async fn f11_a_message_whose_handler_fails_is_settled() {
    let world = World::new(1);
    // The handler knows no such act.
    let letter = || world.letter(world.brief("never")).with_header("act", -1);
    let request = world.send_request(letter()).settled().await;
    let offer = world.send_control(letter()).settled().await;
    assert!(is_failed(&request, ErrorKind::InvalidTask) && is_failed(&offer, ErrorKind::InvalidTask));
    assert_eq!(world.errors(), [ErrorKind::InvalidTask; 2]);
}

fn waits_for(gate: &Gate, id: &str) -> occamy_core::BoxTask {
    let gate = gate.clone();
    Act::new(id).run(move |_| {
        let gate = gate.clone();
        async move {
            gate.passed().await;
            Ok(())
        }
    })
}

fn after_stop(id: &str, end: fn() -> Result<(), Error>) -> occamy_core::BoxTask {
    Act::new(id).run(move |cx| async move {
        cx.stopped().await;
        end()
    })
}

fn most_held(world: &World, offers: usize, limit: usize) {
    for observation in world.observations() {
        if let Observation::Offers { held, bytes, .. } = observation {
            assert!(held <= offers && bytes <= limit, "{held} offers, {bytes} bytes");
        }
    }
}
