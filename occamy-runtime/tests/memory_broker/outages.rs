//! Faults on demand, and what observers hear of them.

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::join;
use occamy_core::transport::{PublishError, Transport};
use occamy_core::{BrokerEvent, ErrorKind, Headers};
use occamy_runtime::memory::MemoryBroker;
use tokio::time::Instant;

use crate::world::{LEASE, Losses, PAUSE, Peer, SECOND, pass, send, soon, text};

#[tokio::test(start_paused = true)]
async fn a_stopped_broker_takes_nothing_and_hands_out_nothing() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    send(&broker, ["1", "2"]).await;
    let held = a.take_now().unwrap();
    broker.faults().stop();
    assert!(a.take_now().is_none() && a.control_now().is_none());
    for publisher in [broker.publisher(), a.transport.publisher()] {
        let error = publisher.request(Headers::new(), Bytes::new()).await.unwrap_err();
        assert!(matches!(error, PublishError::Broker(_)), "{error}");
    }
    assert_eq!(held.ack().await.unwrap_err().kind(), ErrorKind::MessageNotAcked);
    pass(10 * LEASE).await;
    assert!(a.take_now().is_none());
    broker.faults().start();
    // What could not be settled comes again, in its old place.
    let again = a.take_now().unwrap();
    assert_eq!((text(&*again), again.deliveries()), ("1", Some(2)));
    again.ack().await.unwrap();
    assert_eq!(broker.stats().counts.stale, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_settled_during_an_outage_stays_with_its_server() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    send(&broker, ["1"]).await;
    let held = a.take_now().unwrap();
    broker.faults().stop();
    pass(10 * LEASE).await;
    broker.faults().start();
    assert!(b.take_now().is_none());
    held.ack().await.unwrap();
    assert_eq!(broker.stats().counts.done, 1);
}

#[tokio::test(start_paused = true)]
async fn who_waits_goes_on_waiting_over_an_outage() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    let (request, control) = (a.requests.next(1), a.controls.next());
    let outage = async {
        pass(SECOND).await;
        broker.faults().stop();
        pass(SECOND).await;
        broker.faults().start();
        send(&broker, ["1"]).await;
        broker.publisher().control(Headers::new(), Bytes::new()).await.unwrap();
    };
    let ((request, control), ()) = soon(join(join(request, control), outage)).await;
    assert_eq!(text(&*request.unwrap().unwrap()), "1");
    assert!(control.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn control_messages_that_were_there_come_after_an_outage() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    broker.publisher().control(Headers::new(), Bytes::new()).await.unwrap();
    broker.faults().stop();
    assert!(a.control_now().is_none());
    let (control, ()) = join(a.control(), async {
        pass(SECOND).await;
        broker.faults().start();
    })
    .await;
    drop(control);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_closed_during_an_outage_gives_back_after_it() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    send(&broker, ["1"]).await;
    let held = a.take_now().unwrap();
    broker.faults().stop();
    let losses = Losses::default();
    held.watch_lease(losses.watch());
    soon(a.transport.close()).await.unwrap_err();
    held.watch_lease(losses.watch());
    assert_eq!(losses.count(), 2);
    held.ack().await.unwrap_err();
    assert_eq!(broker.stats().counts.stale, 1);
    drop(a);
    let mut b = Peer::connect(&broker, "b");
    assert!(b.take_now().is_none());
    broker.faults().start();
    b.take_now().unwrap().ack().await.unwrap();
    assert!(broker.idle().now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn observers_hear_of_their_connection() {
    use BrokerEvent::{Connected, Disconnected, Reconnected};

    let broker = MemoryBroker::new();
    let (a, b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    assert_eq!((a.events(), b.events()), (vec![Connected], vec![Connected]));
    let faults = broker.faults();
    faults.cut("a");
    faults.cut("a");
    assert_eq!((a.events(), b.events()), (vec![Disconnected], vec![]));
    faults.stop();
    faults.stop();
    assert_eq!((a.events(), b.events()), (vec![], vec![Disconnected]));
    faults.restore("a");
    assert_eq!((a.events(), b.events()), (vec![], vec![]));
    faults.start();
    assert_eq!((a.events(), b.events()), (vec![Reconnected], vec![Reconnected]));
    soon(a.transport.close()).await.unwrap();
    faults.stop();
    assert_eq!((a.events(), b.events()), (vec![], vec![Disconnected]));
}

#[tokio::test(start_paused = true)]
async fn who_connects_to_a_stopped_broker_is_connected_when_it_starts() {
    let broker = MemoryBroker::new();
    broker.faults().stop();
    let mut a = Peer::connect(&broker, "a");
    assert_eq!(a.events(), []);
    broker.faults().start();
    assert_eq!(a.events(), [BrokerEvent::Connected]);
    send(&broker, ["1"]).await;
    assert!(a.take_now().is_some());
}

#[tokio::test(start_paused = true)]
async fn who_is_cut_is_given_nothing_and_can_not_settle() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    send(&broker, ["1", "2"]).await;
    let held = a.take_now().unwrap();
    broker.faults().cut("a");
    assert!(a.take_now().is_none());
    held.ack().await.unwrap_err();
    assert_eq!((a.events().pop(), broker.stats().counts.stale), (Some(BrokerEvent::Disconnected), 0));
    assert_eq!(text(&*b.take_now().unwrap()), "2");
    let (again, ()) = join(a.take(), async {
        pass(SECOND).await;
        broker.faults().restore("a");
    })
    .await;
    assert!(["1", "2"].contains(&text(&*again)));
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_passed_over_while_cut_and_goes_on_waiting() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    let mut waits = a.requests.next(1);
    assert!((&mut waits).now_or_never().is_none());
    broker.faults().cut("a");
    send(&broker, ["1"]).await;
    let other = b.take_now().unwrap();
    assert_eq!(text(&*other), "1");
    broker.faults().restore("a");
    let (next, ()) = soon(join(waits, send(&broker, ["2"]))).await;
    assert_eq!(text(&*next.unwrap().unwrap()), "2");
}

#[tokio::test(start_paused = true)]
async fn a_silent_redelivery_shows_at_the_settlement() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    send(&broker, ["1"]).await;
    let held = a.take_now().unwrap();
    let losses = Losses::default();
    held.watch_lease(losses.watch());
    broker.faults().redeliver("a");
    b.take_now().unwrap().ack().await.unwrap();
    assert_eq!((losses.count(), losses.are_let_go()), (0, true));
    held.ack().await.unwrap_err();
    assert_eq!((broker.stats().counts.done, broker.stats().counts.stale), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_is_a_request_of_its_own() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    broker.faults().duplicate_requests(1);
    send(&broker, ["1", "2"]).await;
    for expected in ["1", "1", "2"] {
        let message = a.take_now().unwrap();
        assert_eq!((text(&*message), message.deliveries()), (expected, Some(1)));
        message.ack().await.unwrap();
    }
    assert_eq!(broker.stats().counts.done, 3);
}

#[tokio::test(start_paused = true)]
async fn so_many_messages_fail_and_no_more() {
    let broker = MemoryBroker::new();
    let publisher = broker.publisher();
    broker.faults().fail_publishes(2);
    publisher.request(Headers::new(), Bytes::new()).await.unwrap_err();
    publisher.control(Headers::new(), Bytes::new()).await.unwrap_err();
    publisher.request(Headers::new(), Bytes::new()).await.unwrap();
    assert_eq!(broker.stats().counts.sent, 1);
}

#[tokio::test(start_paused = true)]
async fn latency_delays_settlements() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    send(&broker, ["1"]).await;
    broker.faults().set_latency(SECOND..=2 * SECOND);
    let start = Instant::now();
    a.take_now().unwrap().ack().await.unwrap();
    assert!((SECOND..=2 * SECOND + PAUSE).contains(&start.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_nobody_knows_has_no_faults() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    send(&broker, ["1"]).await;
    let held = a.take_now().unwrap();
    let faults = broker.faults();
    faults.cut("x");
    faults.restore("x");
    faults.expire_leases("x");
    faults.redeliver("x");
    held.ack().await.unwrap();
}
