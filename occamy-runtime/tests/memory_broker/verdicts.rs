//! What becomes of a request with each verdict.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::transport::header;
use occamy_core::{Error, ErrorKind, Headers, Message, Value, Verdict, VerdictKind};
use occamy_runtime::memory::MemoryBroker;
use tokio::time::{Instant, timeout};

use crate::world::{PAUSE, Peer, SECOND, failed, pass, retry, send, soon, text};

#[tokio::test(start_paused = true)]
async fn done_is_done() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    send(&broker, ["1"]).await;
    a.take_now().unwrap().settle(Verdict::Done).await.unwrap();
    pass(100 * SECOND).await;
    assert!(a.take_now().is_none());
    let stats = broker.stats();
    assert_eq!((stats.counts.done, stats.queued, stats.dead), (1, 0, 0));
    assert!(stats.in_flight.is_empty());
}

#[tokio::test(start_paused = true)]
async fn failed_becomes_a_dead_letter_with_everything_to_read() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    let headers = Headers::new().with("vehicles", 12).with("task-id", "t");
    broker.publisher().request(headers.clone(), Bytes::from("body")).await.unwrap();
    a.take_now().unwrap().settle(retry(Duration::ZERO)).await.unwrap();
    let cause = std::io::Error::other("disk on fire");
    let error = Error::new(ErrorKind::InvalidTask, "can't be done").with_source(cause);
    a.take().await.settle(Verdict::Failed(error.clone())).await.unwrap();

    let letters = broker.dead_letters();
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!((&letter.body[..], &letter.error), (&b"body"[..], &error));
    assert!(std::error::Error::source(&letter.error).is_some());
    for (name, value) in headers.iter() {
        assert_eq!(letter.headers.get(name), Some(value));
    }
    assert_eq!(letter.headers.string(header::REASON).unwrap(), "can't be done");
    assert_eq!(letter.headers.string(header::KIND).unwrap(), "invalid_task");
    assert_eq!(letter.headers.string(header::ORIGIN).unwrap(), "memory");
    assert_eq!(letter.headers.integer(header::ATTEMPT).unwrap(), 2);
    assert_eq!((broker.stats().dead, broker.stats().counts.failed), (1, 1));
    assert_eq!(broker.take_dead_letters().len(), 1);
    assert!(broker.dead_letters().is_empty() && broker.stats().dead == 0);
    assert!(a.take_now().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_is_sent_again_has_its_own_headers_back_and_goes_on_counting() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    let headers = Headers::new().with("vehicles", 12);
    broker.publisher().request(headers.clone(), Bytes::from("body")).await.unwrap();
    a.take_now().unwrap().settle(retry(Duration::ZERO)).await.unwrap();
    a.take().await.settle(failed()).await.unwrap();
    let letter = broker.take_dead_letters().remove(0);
    broker.publisher().request(letter.headers, letter.body).await.unwrap();
    let again = a.take_now().unwrap();
    assert_eq!((again.headers(), text(&*again), again.attempt()), (&headers, "body", 2));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_makes_no_sense_is_the_first() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    for nonsense in [Value::from(-1), Value::from(0), Value::from(i64::MAX), Value::from("two")] {
        let headers = Headers::new().with(header::ATTEMPT, nonsense);
        broker.publisher().request(headers, Bytes::new()).await.unwrap();
        assert_eq!(a.take_now().unwrap().attempt(), 1);
        a.take_now().unwrap().ack().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_comes_after_its_delay_and_counts_an_attempt() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    send(&broker, ["1"]).await;
    let start = Instant::now();
    a.take_now().unwrap().settle(retry(3 * SECOND)).await.unwrap();
    assert_eq!((broker.stats().delayed, broker.stats().counts.retried), (1, 1));
    pass(2 * SECOND).await;
    assert!(a.take_now().is_none());
    let again = a.take().await;
    assert_eq!((again.attempt(), again.deliveries()), (2, Some(2)));
    assert!((3 * SECOND..4 * SECOND).contains(&start.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn delays_end_in_their_own_order() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    send(&broker, ["3", "1", "2"]).await;
    for seconds in [3, 1, 2] {
        a.take_now().unwrap().settle(retry(seconds * SECOND)).await.unwrap();
    }
    for expected in ["1", "2", "3"] {
        let message = a.take().await;
        assert_eq!(text(&*message), expected);
        message.ack().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_delay_that_begins_during_a_long_one_is_not_overslept() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    send(&broker, ["long", "short"]).await;
    let start = Instant::now();
    a.take_now().unwrap().settle(retry(10 * SECOND)).await.unwrap();
    pass(SECOND).await;
    a.take_now().unwrap().settle(retry(SECOND)).await.unwrap();
    assert_eq!(text(&*a.take().await), "short");
    assert!((2 * SECOND..3 * SECOND).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_delay_without_end_is_no_panic() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    send(&broker, ["1", "2"]).await;
    a.take_now().unwrap().settle(retry(Duration::MAX)).await.unwrap();
    assert_eq!(text(&*a.take_now().unwrap()), "2");
    pass(SECOND).await;
    assert_eq!(broker.stats().delayed, 1);
}

#[tokio::test(start_paused = true)]
async fn interrupted_goes_to_another_server_at_once_if_there_is_one() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    send(&broker, ["1"]).await;
    a.take_now().unwrap().settle(Verdict::Interrupted).await.unwrap();
    assert!(a.take_now().is_none());
    let other = b.take_now().unwrap();
    assert_eq!((other.attempt(), other.deliveries()), (1, Some(2)));
    assert_eq!(broker.stats().counts.interrupted, 1);
}

#[tokio::test(start_paused = true)]
async fn interrupted_comes_back_to_a_lone_server_after_a_pause() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    send(&broker, ["1", "2"]).await;
    let start = Instant::now();
    a.take_now().unwrap().settle(Verdict::Interrupted).await.unwrap();
    // It holds up nothing behind it.
    assert_eq!(text(&*a.take_now().unwrap()), "2");
    a.take_now().unwrap().ack().await.unwrap();
    let again = a.take().await;
    assert_eq!((text(&*again), again.attempt()), ("1", 1));
    assert!((PAUSE..2 * PAUSE).contains(&start.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn the_pause_of_one_interruption_does_not_end_that_of_the_next() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    send(&broker, ["1"]).await;
    a.take_now().unwrap().settle(Verdict::Interrupted).await.unwrap();
    pass(PAUSE / 2).await;
    b.take_now().unwrap().settle(Verdict::Interrupted).await.unwrap();
    pass(PAUSE * 3 / 4).await;
    assert!(b.take_now().is_none());
    pass(PAUSE / 2).await;
    assert!(b.take_now().is_some());
}

#[tokio::test(start_paused = true)]
async fn handing_back_never_spins() {
    for verdict in [Verdict::Interrupted, Verdict::Busy] {
        let broker = MemoryBroker::new();
        let mut a = Peer::connect(&broker, "a");
        send(&broker, ["1"]).await;
        let spin = async {
            for _ in 0..1_000 {
                a.take().await.settle(verdict.clone()).await.unwrap();
            }
        };
        timeout(10 * SECOND, spin).await.expect_err("it takes longer");
        let delivered = broker.stats().counts.delivered;
        assert!((60..=220).contains(&delivered), "{delivered} times in 10 s as {verdict:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn busy_keeps_the_request_for_a_jittered_delay_and_its_credit_as_long() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    let mut delays = Vec::new();
    for _ in 0..50 {
        send(&broker, ["1"]).await;
        let start = Instant::now();
        let mut settling = a.take_now().unwrap().settle(Verdict::Busy);
        assert!((&mut settling).now_or_never().is_none());
        send(&broker, ["2"]).await;
        assert!(a.take_now_with(1).is_none());
        assert_eq!(broker.stats().in_flight["a"], 1);
        soon(settling).await.unwrap();
        delays.push(start.elapsed());
        let again = b.take_now().unwrap();
        assert_eq!((text(&*again), again.attempt()), ("1", 1));
        again.ack().await.unwrap();
        assert_eq!(text(&*a.take_now().unwrap()), "2");
        a.take_now().unwrap().ack().await.unwrap();
    }
    // The clock has a grain of a millisecond.
    let bounds = PAUSE / 2..=PAUSE * 3 / 2 + Duration::from_millis(1);
    assert!(delays.iter().all(|delay| bounds.contains(delay)), "{delays:?}");
    delays.sort();
    delays.dedup();
    assert!(delays.len() > 10, "the delay is jittered: {delays:?}");
    assert_eq!(broker.stats().counts.busy, 50);
}

#[tokio::test(start_paused = true)]
async fn busy_goes_to_another_server_first() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    send(&broker, ["1"]).await;
    let refused = a.take_now().unwrap();
    let (mut waits_a, mut waits_b) = (a.requests.next(2), b.requests.next(1));
    assert!((&mut waits_a).now_or_never().is_none() && (&mut waits_b).now_or_never().is_none());
    refused.settle(Verdict::Busy).await.unwrap();
    assert!((&mut waits_a).now_or_never().is_none());
    assert_eq!(text(&*soon(waits_b).await.unwrap().unwrap()), "1");
}

#[tokio::test(start_paused = true)]
async fn a_settlement_acts_when_it_is_polled_and_not_before() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    send(&broker, ["1"]).await;
    drop(a.take_now().unwrap().ack());
    assert_eq!(broker.stats().counts.done, 0);
    assert_eq!(a.take_now().unwrap().deliveries(), Some(2));
}

#[tokio::test(start_paused = true)]
async fn requests_can_be_settled_in_any_order() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    send(&broker, ["1", "2", "3"]).await;
    let mut held: Vec<Box<dyn Message>> = Vec::new();
    while let Some(message) = a.take_now() {
        held.push(message);
    }
    for index in [2, 0, 0] {
        held.remove(index).ack().await.unwrap();
    }
    assert!(broker.idle().now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_failed_settlement_is_an_error_of_its_kind_and_the_request_comes_again() {
    let verdicts = [Verdict::Done, failed(), retry(SECOND), Verdict::Interrupted, Verdict::Busy];
    for verdict in verdicts {
        let broker = MemoryBroker::new();
        let mut a = Peer::connect(&broker, "a");
        send(&broker, ["1"]).await;
        broker.faults().fail_settlements(1);
        let expected = match verdict.kind() {
            VerdictKind::Done => ErrorKind::MessageNotAcked,
            _ => ErrorKind::MessageNotNacked,
        };
        let error = a.take_now().unwrap().settle(verdict).await.unwrap_err();
        assert_eq!(error.kind(), expected);
        let again = a.take_now().unwrap();
        assert_eq!((again.attempt(), again.deliveries()), (1, Some(2)));
        again.ack().await.unwrap();
        assert!(broker.dead_letters().is_empty());
        let counts = broker.stats().counts;
        assert_eq!((counts.done, counts.failed + counts.retried + counts.interrupted + counts.busy), (1, 0));
    }
}
