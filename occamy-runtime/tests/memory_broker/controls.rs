//! Control messages: to every server, each in order.

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::join;
use occamy_core::transport::{Publisher, Transport};
use occamy_core::{Headers, Observation, Verdict};
use occamy_runtime::memory::MemoryBroker;

use crate::world::{LEASE, Peer, failed, pass, send, soon, text};

async fn tell(publisher: &dyn Publisher, body: &'static str) {
    publisher.control(Headers::new().with("task-id", "t"), Bytes::from(body)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn every_server_gets_every_control_message_in_order_the_senders_own_too() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    for body in ["1", "2", "3"] {
        tell(&*a.transport.publisher(), body).await;
    }
    for server in [&mut a, &mut b] {
        for expected in ["1", "2", "3"] {
            let message = server.control_now().unwrap();
            assert_eq!((text(&*message), message.attempt()), (expected, 1));
            assert_eq!(message.headers().string("task-id").unwrap(), "t");
            assert_eq!(message.deliveries(), None);
        }
        assert!(server.control_now().is_none());
    }
    assert!(a.take_now().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_server_gets_what_is_sent_after_it_connected() {
    let broker = MemoryBroker::new();
    tell(&*broker.publisher(), "before").await;
    let mut a = Peer::connect(&broker, "a");
    assert!(a.control_now().is_none());
    tell(&*broker.publisher(), "after").await;
    assert_eq!(text(&*a.control_now().unwrap()), "after");
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_woken() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    let (message, ()) = join(a.control(), async {
        pass(LEASE).await;
        tell(&*broker.publisher(), "1").await;
    })
    .await;
    assert_eq!(text(&*message), "1");
}

#[tokio::test(start_paused = true)]
async fn a_message_is_not_lost_with_a_dropped_future() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    let mut waits = a.controls.next();
    assert!((&mut waits).now_or_never().is_none());
    tell(&*broker.publisher(), "1").await;
    drop(waits);
    assert_eq!(text(&*a.control_now().unwrap()), "1");
}

#[tokio::test(start_paused = true)]
async fn how_one_is_settled_concerns_nobody_else() {
    let broker = MemoryBroker::new();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    for verdict in [Verdict::Done, Verdict::Interrupted, Verdict::Busy, failed()] {
        tell(&*broker.publisher(), "1").await;
        a.control_now().unwrap().settle(verdict).await.unwrap();
        drop(b.control_now().unwrap());
    }
    pass(LEASE).await;
    assert!(a.control_now().is_none() && b.control_now().is_none());
    assert!(broker.dead_letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_drops_its_oldest_and_no_other_queue_does() {
    let broker = MemoryBroker::builder().control_queue(2).build();
    let (mut a, mut b) = (Peer::connect(&broker, "a"), Peer::connect(&broker, "b"));
    for body in ["1", "2", "3"] {
        tell(&*broker.publisher(), body).await;
        b.control_now().unwrap();
    }
    let left: Vec<_> = std::iter::from_fn(|| a.control_now()).collect();
    assert_eq!(left.iter().map(|message| text(&**message)).collect::<Vec<_>>(), ["2", "3"]);
    assert_eq!(broker.stats().counts.controls_dropped, 1);
    let dropped = [Observation::ControlMessagesDropped { count: 1 }];
    assert_eq!((a.dropped_controls(), b.dropped_controls()), (dropped.to_vec(), Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn controls_and_requests_do_not_delay_each_other() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    send(&broker, ["request"]).await;
    tell(&*broker.publisher(), "control").await;
    let held = a.take_now().unwrap();
    assert_eq!(text(&*a.control_now().unwrap()), "control");
    assert_eq!(text(&*held), "request");
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_during_a_cut_comes_after_it() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    broker.faults().cut("a");
    tell(&*broker.publisher(), "1").await;
    assert!(a.control_now().is_none());
    let (message, ()) = join(a.control(), async {
        pass(2 * LEASE).await;
        broker.faults().restore("a");
    })
    .await;
    assert_eq!(text(&*message), "1");
}

#[tokio::test(start_paused = true)]
async fn closing_ends_the_stream_after_what_is_there() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    tell(&*broker.publisher(), "1").await;
    soon(a.transport.close()).await.unwrap();
    tell(&*broker.publisher(), "2").await;
    assert_eq!(text(&*a.control_now().unwrap()), "1");
    assert!(a.controls_ended());
}

#[tokio::test(start_paused = true)]
async fn closing_wakes_who_waits() {
    let broker = MemoryBroker::new();
    let Peer { transport, mut controls, mut requests, .. } = Peer::connect(&broker, "a");
    let close = async {
        pass(LEASE).await;
        transport.close().await.unwrap();
    };
    let ((control, request), ()) = soon(join(join(controls.next(), requests.next(1)), close)).await;
    assert!(control.unwrap().is_none() && request.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn closing_ends_the_stream_during_a_cut_too() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    broker.faults().cut("a");
    tell(&*broker.publisher(), "1").await;
    soon(a.transport.close()).await.unwrap_err();
    assert!(a.controls_ended());
}

#[tokio::test(start_paused = true)]
async fn headers_of_the_transport_are_taken_off() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    let headers = Headers::new().with("occamy-reason", "mine").with("x", 1);
    broker.publisher().control(headers, Bytes::new()).await.unwrap();
    assert_eq!(a.control_now().unwrap().headers(), &Headers::new().with("x", 1));
}
