//! Whose a request is, and what becomes of it when its server is no longer there.

use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use occamy_core::transport::Transport;
use occamy_core::{BrokerEvent, ErrorKind, Monitor, Observation, Verdict};
use occamy_runtime::memory::MemoryBroker;
use tokio::time::Instant;

use crate::world::{LEASE, Losses, PAUSE, Peer, SECOND, failed, pass, retry, send, soon, text};

#[tokio::test(start_paused = true)]
async fn a_task_may_run_for_days() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    send(&broker, ["1"]).await;
    let held = a.take_now().unwrap();
    pass(48 * 3600 * SECOND).await;
    assert!(b.take_now().is_none());
    held.ack().await.unwrap();
    assert_eq!(broker.stats().counts.done, 1);
}

#[tokio::test(start_paused = true)]
async fn when_the_connection_is_cut_the_request_goes_to_another_at_the_end_of_the_lease() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    send(&broker, ["1"]).await;
    let held = a.take_now().unwrap();
    let losses = Losses::default();
    held.watch_lease(losses.watch());
    pass(100 * SECOND).await;
    let start = Instant::now();
    broker.faults().cut("a");
    pass(LEASE - SECOND).await;
    assert!(b.take_now().is_none());
    assert_eq!(losses.count(), 0);
    let again = b.take().await;
    assert!((LEASE..LEASE + SECOND).contains(&start.elapsed()));
    assert_eq!((losses.count(), again.attempt(), again.deliveries()), (1, 1, Some(2)));
    assert_eq!(broker.stats().counts.redelivered, 1);
}

#[tokio::test(start_paused = true)]
async fn leases_are_kept_over_a_short_cut() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    send(&broker, ["1"]).await;
    let held = a.take_now().unwrap();
    // The lease of the first cut must not end the second.
    for _ in 0..2 {
        broker.faults().cut("a");
        pass(LEASE * 2 / 3).await;
        broker.faults().restore("a");
    }
    broker.faults().cut("a");
    pass(LEASE * 2 / 3).await;
    assert!(b.take_now().is_none());
    broker.faults().restore("a");
    pass(10 * LEASE).await;
    held.ack().await.unwrap();
    assert_eq!((broker.stats().counts.done, broker.stats().counts.redelivered), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn cutting_twice_does_not_prolong_the_lease() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    send(&broker, ["1"]).await;
    let _held = a.take_now().unwrap();
    let start = Instant::now();
    broker.faults().cut("a");
    pass(LEASE / 2).await;
    broker.faults().cut("a");
    let _again = b.take().await;
    assert!(start.elapsed() < LEASE + SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_late_settlement_is_an_error_is_counted_and_changes_nothing() {
    let verdicts = [Verdict::Done, failed(), retry(SECOND), Verdict::Interrupted, Verdict::Busy];
    for verdict in verdicts {
        let broker = MemoryBroker::new();
        let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
        send(&broker, ["1"]).await;
        let held = a.take_now().unwrap();
        a.events();
        broker.faults().expire_leases("a");
        let again = b.take_now().unwrap();
        let expected = match verdict {
            Verdict::Done => ErrorKind::MessageNotAcked,
            _ => ErrorKind::MessageNotNacked,
        };
        assert_eq!(held.settle(verdict).await.unwrap_err().kind(), expected);
        assert_eq!(a.events(), [BrokerEvent::StaleSettlement]);
        assert_eq!(broker.stats().counts.stale, 1);
        assert!(a.take_now().is_none());
        assert_eq!((broker.stats().in_flight["b"], broker.stats().dead), (1, 0));
        again.ack().await.unwrap();
        pass(100 * SECOND).await;
        let counts = broker.stats().counts;
        assert_eq!((counts.done, counts.failed, counts.delivered), (1, 0, 2));
        assert!(broker.idle().now_or_never().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_settlement_is_late_also_if_nobody_has_the_request_since() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    send(&broker, ["1"]).await;
    let held = a.take_now().unwrap();
    broker.faults().expire_leases("a");
    held.ack().await.unwrap_err();
    assert_eq!(broker.stats().counts.stale, 1);
    // It has it again, as a new delivery.
    a.take_now().unwrap().ack().await.unwrap();
    assert_eq!(broker.stats().counts.done, 1);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_lost_during_the_settlement_makes_it_late() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    send(&broker, ["1"]).await;
    let mut settling = a.take_now().unwrap().settle(Verdict::Busy);
    assert!((&mut settling).now_or_never().is_none());
    broker.faults().expire_leases("a");
    let again = b.take_now().unwrap();
    settling.await.unwrap_err();
    again.ack().await.unwrap();
    assert_eq!((broker.stats().counts.busy, broker.stats().counts.stale), (0, 1));
    // And its credit is its own again.
    send(&broker, ["2"]).await;
    assert!(a.take_now().is_some());
}

#[tokio::test(start_paused = true)]
async fn who_watches_a_lease_that_is_lost_already_is_told_at_once() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    send(&broker, ["1"]).await;
    let held = a.take_now().unwrap();
    broker.faults().expire_leases("a");
    let losses = Losses::default();
    held.watch_lease(losses.watch());
    held.watch_lease(losses.watch());
    assert_eq!(losses.count(), 2);
    assert!(losses.are_let_go());
}

#[tokio::test(start_paused = true)]
async fn watches_are_let_go_when_the_message_is_settled_or_dropped() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    send(&broker, ["1", "2", "3"]).await;
    let losses = Losses::default();
    for way in 0..3 {
        let held = a.take_now().unwrap();
        held.watch_lease(losses.watch());
        assert!(!losses.are_let_go());
        match way {
            0 => held.ack().await.unwrap(),
            1 => held.settle(retry(LEASE)).await.unwrap(),
            _ => {
                broker.faults().cut("a");
                drop(held);
            }
        }
        assert!(losses.are_let_go());
    }
    broker.faults().expire_leases("a");
    pass(2 * LEASE).await;
    assert_eq!(losses.count(), 0);
}

/// What is called here would wait for ever if any lock were held.
#[tokio::test(start_paused = true)]
async fn the_broker_may_be_used_where_a_loss_is_told() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    send(&broker, ["1"]).await;
    let held = Arc::new(Mutex::new(a.take_now()));
    let (asked, kept) = (broker.clone(), Arc::clone(&held));
    let watch = move || {
        assert_eq!(asked.stats().queued, 1);
        drop(kept.lock().unwrap().take());
    };
    held.lock().unwrap().as_ref().unwrap().watch_lease(Arc::new(watch));
    broker.faults().expire_leases("a");
    assert!(held.lock().unwrap().is_none());
    assert_eq!(a.take_now().unwrap().deliveries(), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_dropped_goes_back_at_once() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    send(&broker, ["1", "2"]).await;
    drop(a.take_now().unwrap());
    let again = b.take_now().unwrap();
    // In its old place, before those that were sent later.
    assert_eq!((text(&*again), again.deliveries()), ("1", Some(2)));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_dropped_while_cut_goes_back_when_the_broker_can_know() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    send(&broker, ["1"]).await;
    let held = a.take_now().unwrap();
    broker.faults().cut("a");
    drop(held);
    assert!(b.take_now().is_none());
    broker.faults().restore("a");
    let held = b.take_now().unwrap();
    broker.faults().cut("b");
    drop(held);
    pass(LEASE - SECOND).await;
    assert!(a.take_now().is_none());
    pass(2 * SECOND).await;
    assert!(a.take_now().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_closed_gives_up_what_it_has() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    send(&broker, ["1"]).await;
    let held = a.take_now().unwrap();
    let losses = Losses::default();
    held.watch_lease(losses.watch());
    soon(a.transport.close()).await.unwrap();
    assert!(a.requests_ended() && a.controls_ended());
    assert_eq!(losses.count(), 1);
    let again = b.take_now().unwrap();
    held.ack().await.unwrap_err();
    assert_eq!(broker.stats().counts.stale, 1);
    again.ack().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_dropped_gives_up_what_it_has() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    send(&broker, ["1"]).await;
    let held = a.take_now().unwrap();
    let Peer { transport, requests, controls, .. } = a;
    drop(transport);
    drop(controls);
    assert!(b.take_now().is_none());
    drop(requests);
    let again = b.take_now().unwrap();
    held.ack().await.unwrap_err();
    again.ack().await.unwrap();
    assert_eq!((broker.stats().counts.done, broker.stats().counts.stale), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_vanishes_while_cut_is_missed_at_the_end_of_its_lease() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    send(&broker, ["1"]).await;
    let held = a.take_now().unwrap();
    let losses = Losses::default();
    held.watch_lease(losses.watch());
    broker.faults().cut("a");
    drop(a);
    // It has no connection any more by which to settle.
    assert_eq!(losses.count(), 1);
    assert_eq!(broker.stats().in_flight["a"], 1);
    assert!(b.take_now().is_none());
    pass(LEASE + SECOND).await;
    let again = b.take_now().unwrap();
    held.ack().await.unwrap_err();
    again.ack().await.unwrap();
    assert!(broker.idle().now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_lease_can_be_lost_before_the_request_is_taken() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    let mut waits = a.requests.next(1);
    assert!((&mut waits).now_or_never().is_none());
    send(&broker, ["1"]).await;
    broker.faults().cut("a");
    pass(LEASE + SECOND).await;
    let other = b.take_now().unwrap();
    assert!((&mut waits).now_or_never().is_none());
    other.ack().await.unwrap();
}

/// A connection keeps its monitor, so the monitor shows whether the connection is still there.
#[tokio::test(start_paused = true)]
async fn nothing_is_left_of_a_server_that_is_gone() {
    struct Watch(#[expect(dead_code, reason = "it is held, and that is all")] Arc<()>);
    impl Monitor for Watch {
        fn record(&self, _: &Observation) {}
    }

    let broker = MemoryBroker::new();
    let kept = Arc::new(());
    let connect = || {
        let transport = broker.connect("a");
        transport.observe(Arc::new(Watch(Arc::clone(&kept))));
        transport
    };
    drop(connect());
    // The outbox of a connection ends by itself.
    pass(PAUSE).await;
    assert_eq!(Arc::strong_count(&kept), 1);
    for restored in [true, false] {
        let server = connect();
        broker.faults().cut("a");
        drop(server);
        pass(PAUSE).await;
        assert_eq!(Arc::strong_count(&kept), 2);
        if restored {
            broker.faults().restore("a");
        } else {
            pass(LEASE).await;
        }
        assert_eq!(Arc::strong_count(&kept), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_as_long_as_was_set() {
    let broker = MemoryBroker::builder().lease(PAUSE).build();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    send(&broker, ["1"]).await;
    let _held = a.take_now().unwrap();
    broker.faults().cut("a");
    pass(PAUSE / 2).await;
    assert!(b.take_now().is_none());
    pass(PAUSE).await;
    assert!(b.take_now().is_some());
}
