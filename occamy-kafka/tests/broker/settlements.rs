//! What becomes of requests that are not simply done.

use std::time::Duration;

use futures_util::future::{join_all, select_all};
use occamy_core::scheduler::Config;
use occamy_core::transport::Transport;
use occamy_core::{Error, Fate, Headers, Outcome, Verdict};
use rdkafka::consumer::Consumer;
use tokio::time::timeout;

use crate::support::{PATIENCE, Service, next};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_node_has_taken_can_be_handed_back_and_buried() {
    // It takes 1,048,588 bytes, and we send less.
    const SIZE: usize = 1_048_300;
    let Some(service) = Service::new("large") else { return };
    let transport = service.builder().connect().await.unwrap();
    let mut requests = transport.requests();
    service.write(0, &vec![b'x'; SIZE]).await;
    next(&mut *requests).await.settle(Verdict::Interrupted).await.unwrap();
    let again = next(&mut *requests).await;
    assert_eq!(again.body().len(), SIZE);
    let error = Error::other("x".repeat(2_000));
    again.settle(Verdict::Failed(error)).await.unwrap();
    let dead = format!("{}-dead", service.name);
    assert_eq!(service.outsider().fetch_watermarks(&dead, 0, PATIENCE).unwrap(), (0, 1));
    drop(requests);
    transport.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delay_ends_when_the_partition_is_lost() {
    let Some(service) = Service::new("delay") else { return };
    let builder = service.builder().partitions(2);
    let first = builder.clone().connect().await.unwrap();
    let mut requests = first.requests();
    let mut taken = Vec::new();
    for partition in 0..2 {
        service.write(partition, b"later").await;
        taken.push(next(&mut *requests).await);
    }
    let hour = || retry(Duration::from_secs(3_600));
    let settling: Vec<_> = taken.into_iter().map(|request| tokio::spawn(request.settle(hour()))).collect();
    // One of the two partitions becomes its.
    let second = builder.connect().await.unwrap();
    let others = second.requests();
    let (settled, ..) = timeout(PATIENCE, select_all(settling)).await.expect("it hears of it in time");
    assert!(settled.unwrap().is_err(), "the request is the other's");
    drop((requests, others));
    first.close().await.unwrap();
    second.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_more_than_the_client_has_room_for_waits() {
    let Some(service) = Service::new("full") else { return };
    let builder = service.builder().setting("queue.buffering.max.messages", "10");
    let transport = builder.connect().await.unwrap();
    let publisher = transport.publisher();
    let sent = join_all((0..1_000).map(|_| publisher.request(Headers::new(), "x".into()))).await;
    assert!(sent.iter().all(Result::is_ok), "{:?}", sent.iter().find(|sent| sent.is_err()));
    transport.close().await.unwrap();
}

/// The verdict on a task that wants to be tried again after so long.
fn retry(after: Duration) -> Verdict {
    let failed = Outcome::Failed(Error::other("not yet").retry_after(after));
    let limits = Config::new(1).limits;
    Verdict::on_end(failed, Fate::Undisturbed, 1, limits)
}
