//! How many requests lie at a server, whose room for them comes and goes while it holds some.

use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use occamy_core::Message;
use occamy_core::transport::{RequestStream, Transport};
use tokio::time::{sleep, timeout};

use crate::support::{SOON, Service, send, take};

/// How many there are of all.
const ALL: u32 = 60;

#[tokio::test]
async fn a_server_keeps_no_more_than_it_has_room_for() {
    let Some(service) = Service::new("prefetch") else { return };
    keeps_no_more(service, false).await;
}

#[tokio::test]
async fn nor_does_it_of_a_classic_queue() {
    let Some(service) = Service::new("prefetch-classic") else { return };
    keeps_no_more(service, true).await;
}

async fn keeps_no_more(service: Service, classic: bool) {
    let transport = service.builder().classic_queues(classic).connect().await.unwrap();
    let mut requests = transport.requests();
    for number in 0..ALL {
        send(&transport, &number.to_string()).await;
    }
    let mut held = Vec::new();
    for credit in [8, 7, 6, 5] {
        held.push(take(&mut requests, credit).await);
    }
    waiting(&service, ALL - 8).await;
    // The room shrinks, grows, and shrinks again, while some are held.
    room(&mut requests, 0).await;
    waiting(&service, ALL - 4).await;
    held.push(take(&mut requests, 3).await);
    waiting(&service, ALL - 7).await;
    for settled in held.drain(..2) {
        settled.ack().await.unwrap();
    }
    waiting(&service, ALL - 7).await;
    room(&mut requests, 0).await;
    waiting(&service, ALL - 5).await;
    drain(&mut requests, held).await;
    service.clean_up().await;
}

/// What is left comes, and none of it has gone back and forth.
async fn drain(requests: &mut Box<dyn RequestStream>, held: Vec<Box<dyn Message>>) {
    let left = ALL - 2 - u32::try_from(held.len()).unwrap();
    for settled in held {
        settled.ack().await.unwrap();
    }
    for _ in 0..left {
        let request = take(requests, 2).await;
        assert!(request.deliveries().is_none_or(|times| times < 10), "{:?}", request.deliveries());
        request.ack().await.unwrap();
    }
}

async fn room(requests: &mut Box<dyn RequestStream>, credit: usize) {
    assert!(timeout(Duration::from_millis(50), requests.next(credit)).await.is_err());
}

/// So many come to wait at RabbitMQ, and stay there.
async fn waiting(service: &Service, expected: u32) {
    let channel = service.channel().await;
    let queue = format!("{}-request", service.name);
    let count = async || {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        channel
            .queue_declare(queue.as_str().into(), options, FieldTable::default())
            .await
            .unwrap()
            .message_count()
    };
    let reached = async {
        while count().await != expected {
            sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(timeout(SOON, reached).await.is_ok(), "{} wait, not {expected}", count().await);
    sleep(Duration::from_millis(300)).await;
    assert_eq!(count().await, expected);
}

/// A slot that others took as soon as it was free, so that the server never said it had room.
#[tokio::test]
async fn a_server_without_room_is_brought_nothing_once_what_it_had_is_settled() {
    let Some(service) = Service::new("no-room") else { return };
    let (full, other) = (service.connect().await, service.connect().await);
    let (mut requests, mut others) = (full.requests(), other.requests());
    send(&full, "its last").await;
    let last = take(&mut requests, 1).await;
    room(&mut requests, 0).await;
    last.ack().await.unwrap();
    // It says what it said before.
    room(&mut requests, 0).await;
    sleep(Duration::from_secs(1)).await;
    send(&full, "for others").await;
    // If it is brought to the full one, it comes back from there.
    sleep(Duration::from_secs(1)).await;
    let request = take(&mut others, 1).await;
    assert_eq!((&**request.body(), request.deliveries()), (&b"for others"[..], Some(1)));
    request.ack().await.unwrap();
    service.clean_up().await;
}
