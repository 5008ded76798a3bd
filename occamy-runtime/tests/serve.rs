//! Serving a transport: what is pulled, and what is left to others.

use std::time::Duration;

use bytes::Bytes;
use occamy_core::transport::Publisher;
use occamy_core::{
    AsyncTask, BoxFuture, BoxTask, Error, ErrorKind, Handler, Headers, TaskContext, TaskDetails, handler_fn,
};
use occamy_runtime::Server;
use occamy_runtime::memory::MemoryBroker;

/// Waits for a second, or for its stop.
struct Wait;

impl AsyncTask for Wait {
    fn details(&self) -> TaskDetails {
        TaskDetails::default()
    }

    fn run<'a>(&'a self, cx: &'a TaskContext) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(1)) => Ok(()),
                () = cx.stopped() => Err(Error::interrupted()),
            }
        })
    }
}

fn waits() -> impl Handler {
    handler_fn(|_, _| Ok(BoxTask::future(Wait)))
}

async fn send(publisher: &dyn Publisher, count: usize) {
    for _ in 0..count {
        publisher.request(Headers::new(), Bytes::new()).await.expect("the broker takes every request");
    }
}

#[tokio::test(start_paused = true)]
async fn a_draining_server_leaves_the_requests_to_others() {
    let broker = MemoryBroker::new();
    let draining = Server::builder(waits()).slots(2).build().expect("sound settings");
    let serving = tokio::spawn(draining.serve(broker.connect("draining")).into_future());
    draining.drain();
    send(&*broker.publisher(), 20).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(broker.stats().counts.delivered, 0, "it pulls nothing that it would only hand back");
    assert!(!serving.is_finished(), "draining alone ends nothing");

    let healthy = Server::builder(waits()).slots(2).build().expect("sound settings");
    let also_serving = tokio::spawn(healthy.serve(broker.connect("healthy")).into_future());
    broker.idle().await;
    let counts = broker.stats().counts;
    assert_eq!((counts.delivered, counts.done, counts.busy), (20, 20, 0));
    for (server, serving) in [(draining, serving), (healthy, also_serving)] {
        assert!(server.shutdown(Duration::ZERO).await.is_clean());
        serving.await.expect("no panic").expect("an orderly end");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_never_holds_more_requests_than_it_has_slots() {
    let broker =
        MemoryBroker::builder().latency(Duration::from_millis(300)..=Duration::from_millis(300)).build();
    let server = Server::builder(waits()).slots(2).build().expect("sound settings");
    let serving = tokio::spawn(server.serve(broker.connect("server")).into_future());
    send(&*broker.publisher(), 30).await;
    while broker.stats().counts.done < 30 {
        let held = broker.stats().in_flight.get("server").copied().unwrap_or(0);
        assert!(held <= 2, "{held} requests are held, settlements under way included");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.shutdown(Duration::ZERO).await;
    serving.await.expect("no panic").expect("an orderly end");
}

/// Handlers that fail at once never wait for anything: on a runtime with one thread they must give way all the same.
#[tokio::test(start_paused = true)]
async fn requests_that_fail_at_once_leave_others_their_turn() {
    let broker = MemoryBroker::new();
    let handler = handler_fn(|_, _| Err(Error::new(ErrorKind::InvalidTask, "never")));
    let server = Server::builder(handler).slots(1).build().expect("sound settings");
    send(&*broker.publisher(), 2_000).await;
    let serving = tokio::spawn(server.serve(broker.connect("server")).into_future());
    let mut turns = 0;
    while broker.stats().dead < 2_000 {
        tokio::task::yield_now().await;
        turns += 1;
    }
    assert!(turns > 5, "others had {turns} turns");
    server.shutdown(Duration::ZERO).await;
    serving.await.expect("no panic").expect("an orderly end");
}

#[tokio::test(start_paused = true)]
async fn a_graceful_shutdown_lets_protected_tasks_end_and_returns_the_rest() {
    let broker = MemoryBroker::new();
    let server =
        Server::builder(waits()).slots(2).grace(Duration::from_secs(5)).build().expect("sound settings");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serve = server.serve(broker.connect("server")).with_graceful_shutdown(async {
        let _ = stopped.await;
    });
    let serving = tokio::spawn(serve.into_future());
    send(&*broker.publisher(), 3).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.send(()).expect("it is being served");
    assert!(serving.await.expect("no panic").expect("an orderly end").is_clean());
    let stats = broker.stats();
    assert_eq!((stats.counts.done, stats.queued), (2, 1));
}
