//! Sending: when it is confirmed, when it fails, and what the outbox does.

use bytes::Bytes;
use futures_util::FutureExt;
use occamy_core::Headers;
use occamy_core::transport::{PublishError, Transport};
use occamy_runtime::memory::MemoryBroker;
use tokio::time::Instant;

use crate::world::{LEASE, PAUSE, Peer, SECOND, pass, soon, text};

fn none() -> Headers {
    Headers::new()
}

#[tokio::test(start_paused = true)]
async fn a_message_is_confirmed_when_it_is_stored() {
    let broker = MemoryBroker::builder().latency(SECOND..=2 * SECOND).build();
    let start = Instant::now();
    let mut sending = broker.publisher().request(none(), Bytes::new());
    assert!((&mut sending).now_or_never().is_none());
    assert_eq!(broker.stats().queued, 0);
    sending.await.unwrap();
    assert_eq!((broker.stats().queued, broker.stats().counts.sent), (1, 1));
    assert!((SECOND..=2 * SECOND + PAUSE).contains(&start.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_large_is_refused_and_told_the_limit() {
    let broker = MemoryBroker::builder().max_message(10).build();
    let mut a = Peer::connect(&broker, "a");
    let headers = none().with("name", "1234");
    let (fits, too_large) = (Bytes::from("56"), Bytes::from("567"));
    for publisher in [broker.publisher(), a.transport.publisher()] {
        publisher.request(headers.clone(), fits.clone()).await.unwrap();
        publisher.control(headers.clone(), fits.clone()).await.unwrap();
        let errors = [
            publisher.request(headers.clone(), too_large.clone()).await.unwrap_err(),
            publisher.control(headers.clone(), too_large.clone()).await.unwrap_err(),
            publisher.try_request(headers.clone(), too_large.clone()).unwrap_err(),
            publisher.try_control(headers.clone(), too_large.clone()).unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, PublishError::TooLarge { size: 11, limit: 10 }), "{error}");
        }
    }
    let whole = a.take_now().unwrap();
    assert_eq!((whole.headers(), text(&*whole)), (&headers, "56"));
    assert_eq!(broker.stats().counts.sent, 2);
}

#[tokio::test(start_paused = true)]
async fn the_outbox_is_sent_in_order_in_the_background() {
    let broker = MemoryBroker::builder().latency(PAUSE..=SECOND).build();
    let mut a = Peer::connect(&broker, "a");
    let publisher = a.transport.publisher();
    for number in 0..20_u8 {
        publisher.try_request(none(), vec![number].into()).unwrap();
        publisher.try_control(none(), vec![number].into()).unwrap();
    }
    assert_eq!(broker.stats().counts.sent, 0);
    broker.faults().set_latency(PAUSE..=SECOND);
    for number in 0..20_u8 {
        let message = a.take().await;
        assert_eq!(message.body()[..], [number]);
        message.ack().await.unwrap();
        let message = a.control().await;
        assert_eq!(message.body()[..], [number]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_outbox_says_so_and_has_room_again_later() {
    let broker = MemoryBroker::builder().outbox(2).build();
    let mut a = Peer::connect(&broker, "a");
    // Clones share one outbox.
    let publishers = [a.transport.publisher(), a.transport.publisher()];
    publishers[0].try_request(none(), Bytes::from("1")).unwrap();
    publishers[1].try_request(none(), Bytes::from("2")).unwrap();
    for publisher in &publishers {
        let error = publisher.try_request(none(), Bytes::new()).unwrap_err();
        assert!(matches!(error, PublishError::Full), "{error}");
    }
    a.take().await.ack().await.unwrap();
    a.take().await.ack().await.unwrap();
    publishers[0].try_request(none(), Bytes::from("3")).unwrap();
    assert_eq!(text(&*a.take().await), "3");
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_sent_from_the_outbox_is_reported() {
    let broker = MemoryBroker::new();
    let mut a = Peer::connect(&broker, "a");
    broker.faults().fail_publishes(1);
    a.transport.publisher().try_request(none(), Bytes::from("1")).unwrap();
    a.transport.publisher().try_request(none(), Bytes::from("2")).unwrap();
    assert_eq!(text(&*a.take().await), "2");
    let failures = a.failures();
    assert_eq!(failures.len(), 1);
    let source = std::error::Error::source(&failures[0]).unwrap();
    assert!(source.to_string().contains("did not confirm"), "{source}");
}

#[tokio::test(start_paused = true)]
async fn closing_sends_what_is_in_the_outbox_and_takes_nothing_more() {
    let broker = MemoryBroker::builder().outbox(3).latency(SECOND..=SECOND).build();
    let a = Peer::connect(&broker, "a");
    let publisher = a.transport.publisher();
    for _ in 0..3 {
        publisher.try_request(none(), Bytes::new()).unwrap();
    }
    let start = Instant::now();
    soon(a.transport.close()).await.unwrap();
    assert!(start.elapsed() >= 3 * SECOND);
    assert_eq!(broker.stats().queued, 3);
    assert!(matches!(publisher.try_request(none(), Bytes::new()), Err(PublishError::Closed)));
    assert!(matches!(publisher.try_control(none(), Bytes::new()), Err(PublishError::Closed)));
    assert!(matches!(publisher.request(none(), Bytes::new()).await, Err(PublishError::Closed)));
    assert!(matches!(publisher.control(none(), Bytes::new()).await, Err(PublishError::Closed)));
    let start = Instant::now();
    soon(a.transport.close()).await.unwrap();
    assert!(start.elapsed().is_zero());
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_not_awaited_goes_on() {
    let broker = MemoryBroker::builder().latency(SECOND..=SECOND).build();
    let mut a = Peer::connect(&broker, "a");
    a.transport.publisher().try_request(none(), Bytes::new()).unwrap();
    assert!(a.transport.close().now_or_never().is_none());
    pass(2 * SECOND).await;
    assert_eq!(broker.stats().queued, 1);
    assert!(a.requests_ended() && a.controls_ended());
}

#[tokio::test(start_paused = true)]
async fn closing_tells_what_could_not_be_sent() {
    let broker = MemoryBroker::new();
    let a = Peer::connect(&broker, "a");
    a.transport.publisher().try_request(none(), Bytes::new()).unwrap();
    a.transport.publisher().try_request(none(), Bytes::new()).unwrap();
    broker.faults().fail_publishes(1);
    let error = soon(a.transport.close()).await.unwrap_err();
    assert!(error.message().starts_with("1 message"), "{error}");
    assert_eq!((broker.stats().queued, a.failures().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_gone_sends_nothing() {
    let broker = MemoryBroker::new();
    let a = Peer::connect(&broker, "a");
    let publisher = a.transport.publisher();
    drop(a);
    assert!(matches!(publisher.request(none(), Bytes::new()).await, Err(PublishError::Closed)));
}

#[tokio::test(start_paused = true)]
async fn the_outbox_of_a_client_is_sent_though_the_client_is_gone() {
    let broker = MemoryBroker::new();
    broker.publisher().try_request(none(), Bytes::from("1")).unwrap();
    pass(PAUSE).await;
    assert_eq!(broker.stats().queued, 1);
}

#[tokio::test(start_paused = true)]
async fn who_is_cut_can_not_send_and_others_can() {
    let broker = MemoryBroker::new();
    let a = Peer::connect(&broker, "a");
    let publisher = a.transport.publisher();
    broker.faults().cut("a");
    for sent in [publisher.request(none(), Bytes::new()), publisher.control(none(), Bytes::new())] {
        assert!(matches!(sent.await, Err(PublishError::Broker(_))));
    }
    broker.publisher().request(none(), Bytes::new()).await.unwrap();
    broker.faults().restore("a");
    publisher.request(none(), Bytes::new()).await.unwrap();
    pass(2 * LEASE).await;
    assert_eq!(broker.stats().queued, 2);
}
