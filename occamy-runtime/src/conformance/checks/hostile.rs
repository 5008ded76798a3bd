//! Headers that were made to do harm.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use occamy_core::transport::{Publisher, header};
use occamy_core::{Headers, VerdictKind};
use tokio::time::{Instant, sleep};

use crate::conformance::failure::{Checked, Failure};
use crate::conformance::log::{Event, What};
use crate::conformance::serving::done;
use crate::conformance::subject::{Channel, Hostility};
use crate::conformance::world::{SOON, World, send};

/// After each hostile message both servers still work; and none comes again and again.
pub(in crate::conformance) async fn hostile_headers_do_no_harm(world: Arc<World>) -> Checked {
    const MOST: usize = 20;
    let client = world.client().await?;
    let servers = [world.server("a", 2, done()).await?, world.server("b", 2, done()).await?];
    for hostility in Hostility::ALL {
        for channel in [Channel::Request, Channel::Control] {
            let (hostile, ordinary) =
                (format!("hostile {hostility:?} {channel:?}"), format!("{hostility:?} {channel:?}"));
            let body = Bytes::from(hostile.clone());
            world.subject.send_hostile(&world.service, channel, hostility, body).await?;
            send(&client, [ordinary.clone()]).await?;
            let served = |events: &[Event]| {
                events.iter().any(|event| event.is_settled(ordinary.as_bytes(), VerdictKind::Done))
            };
            let expected = format!("an ordinary request served after one with {hostility:?} as {channel:?}");
            world.log.wait(3 * SOON, &expected, served).await?;
            if let Some(server) = servers.iter().find(|server| !server.is_serving()) {
                let what = format!("expected server {} to live on after {hostile}", server.connection.server);
                return Err(world.log.failure(&what));
            }
        }
    }
    both_hear(&world, &client).await?;
    sleep(2 * world.subject.lease()).await;
    for hostility in Hostility::ALL {
        let hostile = format!("hostile {hostility:?} Request");
        let deliveries = world.log.count(|event| event.is_delivery_of(hostile.as_bytes()));
        if deliveries > MOST {
            let what = format!("expected at most {MOST} deliveries of {hostile:?}; seen {deliveries}");
            return Err(world.log.failure(&what));
        }
    }
    let errors = world.log.count(|event| matches!(event.what, What::StreamError(_)));
    if errors > 1_000 {
        return Err(Failure(format!("expected a few errors of the streams; seen {errors}")));
    }
    for server in servers {
        server.stop(SOON).await?;
    }
    Ok(())
}

/// Both servers get an ordinary control message. It is sent until they do, because some brokers keep none for a server
/// that is just connecting anew.
async fn both_hear(world: &World, client: &Arc<dyn Publisher>) -> Checked {
    let deadline = Instant::now() + 3 * SOON;
    let (headers, body) = (Headers::new().with(header::TASK_ID, "nobody"), Bytes::from("still here"));
    let still_here = What::Control { body: body.clone() };
    let heard = |server| world.log.count(|event| &*event.server == server && event.what == still_here) > 0;
    while !(heard("a") && heard("b")) {
        if Instant::now() > deadline {
            return Err(world
                .log
                .failure("expected within 30 s: an ordinary control message at both servers"));
        }
        client.control(headers.clone(), body.clone()).await?;
        sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}
