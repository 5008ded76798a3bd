//! What handlers see of messages, and what servers see of their environment.

use std::sync::Arc;

use occamy_core::transport::header;
use occamy_core::{Error, ErrorKind, Headers, Verdict, handler_fn};
use occamy_runtime::{BuildError, Server};

use crate::common::{Act, Bell, Letter, Log, World, is_failed};

#[tokio::test(start_paused = true)]
async fn a_handler_always_finds_a_request_id() {
    let seen = Log::new(&Bell::default());
    let handler = handler_fn({
        let seen = seen.clone();
        move |headers, _| {
            seen.add(headers.string(header::REQUEST_ID)?.to_owned());
            Ok(Act::new("task").run(|_| async { Ok(()) }))
        }
    });
    let world = World::with(1, |_| Server::builder(handler).slots(1));
    let letter = |headers| Letter::new(&world.bell, headers);
    for headers in [
        Headers::new().with(header::REQUEST_ID, "of the client"),
        Headers::new(),
        Headers::new().with(header::REQUEST_ID, 7),
    ] {
        assert_eq!(world.send_request(letter(headers)).settled().await, Verdict::Done);
    }
    world.send_control(letter(Headers::new())).settled().await;
    let seen = seen.get();
    assert_eq!((seen.len(), &*seen[0]), (4, "of the client"));
    let fresh: std::collections::HashSet<_> = seen[1..].iter().collect();
    assert!(fresh.len() == 3 && fresh.iter().all(|id| !id.is_empty()), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_error_of_a_handler_is_the_handlers() {
    let handler = handler_fn(|_, _| Err(Error::other("no idea")));
    let world = World::with(1, |_| Server::builder(handler).slots(1));
    let letter = || Letter::new(&world.bell, Headers::new());
    assert!(is_failed(&world.send_request(letter()).settled().await, ErrorKind::UnknownHandler));
    assert!(is_failed(&world.send_control(letter()).settled().await, ErrorKind::UnknownHandler));
}

#[test]
fn a_server_outside_of_tokio_is_an_error() {
    let handler = handler_fn(|_, _| Ok(Act::new("").into()));
    let error = Server::builder(handler).slots(1).build().unwrap_err();
    assert!(matches!(error, BuildError::NoRuntime), "{error}");
}

/// Messages may come from any thread, whether tokio knows it or not.
#[tokio::test]
async fn a_thread_that_tokio_does_not_know_may_bring_messages() {
    let world = Arc::new(World::new(2));
    let receipts = std::thread::spawn({
        let world = Arc::clone(&world);
        move || {
            let computes = Act::new("computes").compute(|_| Ok(()));
            [world.request(world.brief("awaits")), world.request(computes), world.offer(world.brief("offer"))]
        }
    });
    for receipt in receipts.join().unwrap() {
        assert_eq!(receipt.settled().await, Verdict::Done);
    }
}
