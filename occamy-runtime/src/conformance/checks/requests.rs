//! Handing out requests: to whom, how many at a time, how often.

use std::sync::Arc;

use super::super::failure::Checked;
use super::super::log::{Event, What};
use super::super::serving::done;
use super::super::world::{SOON, World, send};

/// Requests that waited for the servers, and requests that come while they wait.
pub(super) async fn request_to_one_server(world: Arc<World>) -> Checked {
    const EACH: usize = 20;
    let client = world.client().await?;
    let bodies: Vec<String> = (0..2 * EACH).map(|number| format!("request {number}")).collect();
    let first = world.server("first", 4, done()).await?;
    // Where a service comes into being with its first server, there is nothing to wait in before.
    first.stop(SOON).await?;
    send(&client, bodies[..EACH].iter().cloned()).await?;
    let servers = [world.server("a", 4, done()).await?, world.server("b", 4, done()).await?];
    send(&client, bodies[EACH..].iter().cloned()).await?;
    let settled = |event: &&Event| matches!(event.what, What::Settled { error: None, .. });
    let all = |events: &[Event]| events.iter().filter(settled).count() >= 2 * EACH;
    world.log.wait(SOON, "40 requests settled", all).await?;
    // What comes twice comes a little later, perhaps.
    tokio::time::sleep(world.subject.lease() / 2).await;
    for body in &bodies {
        let deliveries = world.log.count(|event| event.is_delivery_of(body.as_bytes()));
        if deliveries != 1 {
            let what = format!("expected each request once; {body:?} was delivered {deliveries} times");
            return Err(world.log.failure(&what));
        }
    }
    for server in servers {
        server.stop(SOON).await?;
    }
    Ok(())
}
