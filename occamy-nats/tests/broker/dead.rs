//! Dead letters that are sent again.

use async_nats::HeaderMap;
use occamy_core::transport::{DeadLetterError, PublishError, Transport};

use crate::support::Service;

/// A dead letter may have been stored without a reason, for want of room.
#[tokio::test]
async fn a_letter_that_fills_a_message_becomes_a_request_and_a_larger_one_is_named() {
    let Some(service) = Service::new("full") else { return };
    let transport = service.connect().await;
    let jetstream = service.jetstream().await;
    let limit = jetstream.client().max_payload();
    let dead = format!("{}-dead", service.name);
    jetstream.publish(dead.clone(), vec![b'x'; limit].into()).await.unwrap().await.unwrap();
    // What begins so is marked twice when it is sent by us.
    let mut headers = HeaderMap::new();
    headers.insert("a", "occamy:int:seven");
    let body = vec![b'x'; limit - "NATS/1.0\r\na: occamy:int:seven\r\n\r\n".len()];
    jetstream.publish_with_headers(dead, headers, body.into()).await.unwrap().await.unwrap();

    let mut letters = transport.dead_letters().await.unwrap();
    letters.next().await.unwrap().unwrap().replay().await.unwrap();
    assert_eq!(service.stored().await, 1);
    let replayed = letters.next().await.unwrap().unwrap().replay().await;
    let Err(DeadLetterError::NotSent(PublishError::TooLarge { size, limit: most })) = replayed else {
        panic!("{replayed:?}")
    };
    assert!(size > limit && most == limit, "{size}");
    assert!(letters.next().await.unwrap().is_none());
    transport.close().await.unwrap();
    service.clean_up().await;
}
