//! Who is given which request, and when.

use futures_util::FutureExt;
use futures_util::future::{Either, join, select};
use occamy_core::transport::Transport;
use occamy_runtime::memory::MemoryBroker;

use crate::world::{PAUSE, Peer, SECOND, pass, send, soon, text};

#[tokio::test(start_paused = true)]
async fn requests_are_handed_out_in_the_order_in_which_they_were_sent() {
    let broker = MemoryBroker::new();
    let mut server = Peer::connect(&broker, "a");
    send(&broker, ["1", "2", "3"]).await;
    for expected in ["1", "2", "3"] {
        let message = server.take_now().unwrap();
        assert_eq!((text(&*message), message.attempt(), message.deliveries()), (expected, 1, Some(1)));
        message.ack().await.unwrap();
    }
    assert!(server.take_now().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_request_goes_to_one_server() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    send(&broker, ["1"]).await;
    let message = a.take_now().unwrap();
    assert!(b.take_now().is_none() && a.take_now().is_none());
    assert_eq!(broker.stats().in_flight["a"], 1);
    message.ack().await.unwrap();
    assert!(b.take_now().is_none() && a.take_now().is_none());
    assert_eq!(broker.stats().counts.delivered, 1);
}

#[tokio::test(start_paused = true)]
async fn who_has_waited_longest_is_served_first() {
    let broker = MemoryBroker::new();
    let (mut a, mut b, mut c) =
        (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"), Peer::connect(&broker, "c"));
    let mut held = Vec::new();
    let (mut waits_b, mut waits_c, mut waits_a) =
        (b.requests.next(1), c.requests.next(1), a.requests.next(1));
    for waits in [&mut waits_b, &mut waits_c, &mut waits_a] {
        assert!(waits.as_mut().now_or_never().is_none());
    }
    send(&broker, ["1", "2", "3"]).await;
    for (waits, expected) in [(waits_a, "3"), (waits_b, "1"), (waits_c, "2")] {
        let message = soon(waits).await.unwrap().unwrap();
        assert_eq!(text(&*message), expected);
        held.push(message);
    }
}

#[tokio::test(start_paused = true)]
async fn asking_anew_does_not_cost_the_place_in_the_line() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    assert!(a.take_now().is_none() && b.take_now().is_none());
    let (mut waits_b, mut waits_a) = (b.requests.next(1), a.requests.next(5));
    assert!((&mut waits_b).now_or_never().is_none() && (&mut waits_a).now_or_never().is_none());
    send(&broker, ["1"]).await;
    assert!((&mut waits_b).now_or_never().is_none());
    assert_eq!(text(&*soon(waits_a).await.unwrap().unwrap()), "1");
}

#[tokio::test(start_paused = true)]
async fn servers_take_turns() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    let mut taken = [0, 0];
    for _ in 0..100 {
        let asking = select(a.requests.next(1), b.requests.next(1));
        let (either, ()) = soon(join(asking, send(&broker, ["x"]))).await;
        let (who, next) = match either {
            Either::Left((next, _)) => (0, next),
            Either::Right((next, _)) => (1, next),
        };
        taken[who] += 1;
        next.unwrap().unwrap().ack().await.unwrap();
    }
    assert_eq!(taken, [50, 50]);
}

#[tokio::test(start_paused = true)]
async fn a_request_for_who_has_stopped_asking_goes_to_another_as_if_it_had_never_been_handed_out() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    let mut waits = a.requests.next(1);
    assert!((&mut waits).now_or_never().is_none());
    let mut waits_b = b.requests.next(1);
    assert!((&mut waits_b).now_or_never().is_none());
    send(&broker, ["1"]).await;
    assert_eq!(broker.stats().in_flight["a"], 1);
    assert!((&mut waits_b).now_or_never().is_none());
    drop(waits);
    let message = soon(waits_b).await.unwrap().unwrap();
    assert_eq!((text(&*message), message.deliveries()), ("1", Some(1)));
    assert_eq!(broker.stats().counts.delivered, 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_taken_ahead_of_what_was_asked_for() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    send(&broker, ["1", "2", "3"]).await;
    let _held = a.take_now_with(8).unwrap();
    assert_eq!((broker.stats().queued, broker.stats().in_flight["a"]), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_settlement_under_way_counts_against_the_credit() {
    let broker = MemoryBroker::builder().latency(PAUSE..=PAUSE).build();
    let mut a = Peer::connect(&broker, "a");
    send(&broker, ["1", "2"]).await;
    let first = a.take_now().unwrap();
    let mut settling = first.ack();
    assert!((&mut settling).now_or_never().is_none());
    assert!(a.take_now_with(1).is_none());
    let second = a.take_now_with(2).unwrap();
    assert_eq!(text(&*second), "2");
    soon(settling).await.unwrap();
    drop(second);
    assert!(a.take_now_with(1).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_settlement_that_is_given_up_no_longer_counts_against_the_credit() {
    let broker = MemoryBroker::builder().latency(PAUSE..=PAUSE).build();
    let mut a = Peer::connect(&broker, "a");
    send(&broker, ["1"]).await;
    let mut settling = a.take_now().unwrap().ack();
    assert!((&mut settling).now_or_never().is_none());
    drop(settling);
    let again = a.take_now_with(1).unwrap();
    assert_eq!((text(&*again), again.deliveries()), ("1", Some(2)));
}

#[tokio::test(start_paused = true)]
async fn draining_ends_the_stream_and_leaves_the_rest_to_others() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    send(&broker, ["1", "2"]).await;
    let held = a.take_now().unwrap();
    a.transport.drain().await;
    a.transport.drain().await;
    assert!(a.requests_ended());
    assert_eq!(text(&*b.take_now().unwrap()), "2");
    // What it has is still its own, and so are control messages.
    broker.publisher().control(Default::default(), Default::default()).await.unwrap();
    assert!(a.control_now().is_some());
    held.ack().await.unwrap();
    assert_eq!(broker.stats().counts.done, 1);
}

#[tokio::test(start_paused = true)]
async fn draining_wakes_who_waits() {
    let broker = MemoryBroker::new();
    let Peer { transport, mut requests, .. } = Peer::connect(&broker, "a");
    let drain = async {
        pass(SECOND).await;
        transport.drain().await;
    };
    let (next, ()) = soon(join(requests.next(1), drain)).await;
    assert!(next.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_is_not_awaited_goes_on() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    let _ = a.transport.drain().now_or_never();
    assert!(a.requests_ended());
}

#[tokio::test(start_paused = true)]
async fn idle_waits_for_the_last_settlement() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    assert!(broker.idle().now_or_never().is_some());
    send(&broker, ["1"]).await;
    assert!(broker.idle().now_or_never().is_none());
    let held = a.take_now().unwrap();
    assert!(broker.idle().now_or_never().is_none());
    let settle = async {
        held.settle(crate::world::retry(PAUSE)).await.unwrap();
        assert!(broker.idle().now_or_never().is_none());
        a.take().await.ack().await.unwrap();
    };
    soon(join(broker.idle(), settle)).await;
    assert_eq!((broker.stats().counts.done, broker.stats().queued), (1, 0));
}
