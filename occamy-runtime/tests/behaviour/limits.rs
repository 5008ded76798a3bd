//! How often a message is tried, and how long a task may run.

use std::time::Duration;

use occamy_core::{BoxTask, Error, ErrorKind, TaskDetails, Verdict, VerdictKind};

use crate::common::{Act, Log, World, is_failed};

fn fails(error: &Error) -> BoxTask {
    let error = error.clone();
    Act::new("fails").run(move |_| {
        let error = error.clone();
        async move { Err(error) }
    })
}

#[tokio::test(start_paused = true)]
async fn errors_that_may_pass_are_tried_again_until_the_last_attempt() {
    let world = World::with(1, |builder| builder.max_attempts(3).retry_delay(Duration::from_secs(7)));
    let broken = Error::new(ErrorKind::InternalHandler, "the database is away");
    let send = |error: &Error, attempt| world.send_request(world.letter(fails(error)).with_attempt(attempt));
    for (error, delay) in [
        (broken.clone().retryable(), 7),
        (broken.clone().retry_after(Duration::from_secs(2)), 2),
        (Error::interrupted(), 7),
    ] {
        for attempt in [1, 2] {
            match send(&error, attempt).settled().await {
                Verdict::Retry { after, error: reason, .. } => {
                    assert_eq!((after, reason.kind()), (Duration::from_secs(delay), error.kind()));
                }
                other => panic!("{error} at attempt {attempt} became {other:?}"),
            }
        }
        assert!(is_failed(&send(&error, 3).settled().await, error.kind()), "the third is the last");
    }
    assert!(is_failed(&send(&broken, 1).settled().await, ErrorKind::InternalHandler), "it isn't marked");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_keeps_killing_its_server_never_reaches_the_handler() {
    let world = World::with(1, |builder| builder.max_deliveries(10));
    let allowed = world.send_request(world.letter(world.brief("task")).with_deliveries(10));
    assert_eq!(allowed.settled().await, Verdict::Done);
    assert_eq!(world.handled.get(), 1);
    let killer = world.send_request(world.letter(world.brief("task")).with_deliveries(11));
    assert!(is_failed(&killer.settled().await, ErrorKind::InvalidTask));
    assert_eq!((world.handled.get(), world.errors()), (1, vec![ErrorKind::InvalidTask]));
}

#[tokio::test(start_paused = true)]
async fn a_task_sees_which_attempt_it_is() {
    let world = World::new(1);
    let attempts = Log::new(&world.bell);
    let task = {
        let attempts = attempts.clone();
        Act::new("task").run(move |cx| {
            attempts.add(cx.attempt());
            async { Ok(()) }
        })
    };
    world.send_request(world.letter(task).with_attempt(4)).settled().await;
    assert_eq!(attempts.get(), [4]);
}

#[tokio::test(start_paused = true)]
async fn a_protected_task_that_overruns_its_limit_is_stopped_and_fails() {
    let world = World::new(2);
    let limited = |id: &str| TaskDetails::new(id).group(id).max_run(Duration::from_secs(60));
    let hangs = world.request(Act::with_details(limited("hangs")));
    let brief = world.request(Act::with_details(limited("brief")).run(|_| async {
        tokio::time::sleep(Duration::from_secs(59)).await;
        Ok(())
    }));
    tokio::time::sleep(Duration::from_secs(59) + Duration::from_millis(500)).await;
    assert_eq!((hangs.verdict(), brief.verdict()), (None, Some(VerdictKind::Done)));
    let verdict = hangs.settled_in_time(Duration::from_secs(1)).await;
    assert!(is_failed(&verdict, ErrorKind::InvalidTask), "{verdict:?}");
}
