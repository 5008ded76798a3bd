//! Control messages: to everybody, and in nobody's way.

use std::sync::Arc;

use bytes::Bytes;
use occamy_core::Headers;
use occamy_core::transport::header;
use tokio::time::sleep;

use crate::conformance::failure::Checked;
use crate::conformance::log::{Event, What};
use crate::conformance::serving::done;
use crate::conformance::world::{SOON, World, send};

/// For a task that nobody has, so that it is no offer.
fn headers() -> Headers {
    Headers::new().with(header::TASK_ID, "nobody")
}

/// From a client, and from one of the servers.
pub(in crate::conformance) async fn control_to_every_server(world: Arc<World>) -> Checked {
    let client = world.client().await?;
    let servers = [world.server("a", 2, done()).await?, world.server("b", 2, done()).await?];
    let bodies: Vec<Bytes> = (0..40).map(|number| Bytes::from(format!("control {number}"))).collect();
    for (number, body) in bodies.iter().enumerate() {
        let publisher = if number % 2 == 0 { &client } else { &servers[0].publisher };
        publisher.control(headers(), body.clone()).await?;
    }
    let received = |events: &[Event], server: &str, body: &Bytes| {
        let wanted = What::Control { body: body.clone() };
        events.iter().filter(|event| &*event.server == server && event.what == wanted).count()
    };
    let all = |events: &[Event]| {
        ["a", "b"].iter().all(|server| bodies.iter().all(|body| received(events, server, body) > 0))
    };
    world.log.wait(SOON, "40 control messages at both servers", all).await?;
    sleep(world.subject.lease() / 2).await;
    for server in ["a", "b"] {
        for body in &bodies {
            let times = received(&world.log.events(), server, body);
            if times != 1 {
                let what = format!("expected {body:?} once at server {server}; it came {times} times");
                return Err(world.log.failure(&what));
            }
        }
    }
    for server in servers {
        server.stop(SOON).await?;
    }
    Ok(())
}

/// A request comes though thousands of control messages lie unread before it.
pub(in crate::conformance) async fn control_flood_delays_no_request(world: Arc<World>) -> Checked {
    const FLOOD: usize = 5_000;
    let client = world.client().await?;
    let mut peer = world.peer("a").await?;
    for number in 0..FLOOD {
        client.control(headers(), Bytes::from(format!("flood {number}"))).await?;
    }
    send(&client, ["request"]).await?;
    // Not one of them was read, so no matter how long it takes, it came past all of them.
    peer.take(1, SOON).await?.ack().await?;
    peer.close().await
}
