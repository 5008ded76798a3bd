//! Handing out requests: to whom, how many at a time, for how long.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use occamy_core::{Verdict, VerdictKind};
use tokio::time::sleep;

use crate::conformance::failure::Checked;
use crate::conformance::log::{Event, What};
use crate::conformance::serving::{done, work};
use crate::conformance::world::{SOON, World, send};

/// Requests that waited for the servers, and requests that come while they wait.
pub(in crate::conformance) async fn request_to_one_server(world: Arc<World>) -> Checked {
    const EACH: usize = 20;
    let client = world.client().await?;
    let bodies: Vec<String> = (0..2 * EACH).map(|number| format!("request {number}")).collect();
    // Where a service comes into being with its first server, there is nothing to wait in before.
    world.server("first", 4, done()).await?.stop(SOON).await?;
    send(&client, bodies[..EACH].iter().cloned()).await?;
    let servers = [world.server("a", 4, done()).await?, world.server("b", 4, done()).await?];
    send(&client, bodies[EACH..].iter().cloned()).await?;
    let settled = |event: &&Event| matches!(event.what, What::Settled { error: None, .. });
    let all = |events: &[Event]| events.iter().filter(settled).count() >= 2 * EACH;
    world.log.wait(SOON, "40 requests settled", all).await?;
    // What comes twice comes a little later, perhaps.
    sleep(world.subject.lease() / 2).await;
    for body in &bodies {
        let runs = world.log.count(|event| event.is_start_of(body.as_bytes()));
        if runs != 1 {
            let what = format!("expected each request to run once; {body:?} ran {runs} times");
            return Err(world.log.failure(&what));
        }
    }
    for server in servers {
        server.stop(SOON).await?;
    }
    Ok(())
}

/// A server that says how many it can take, and two that are busy.
pub(in crate::conformance) async fn in_flight_within_slots(world: Arc<World>) -> Checked {
    const SLOTS: usize = 3;
    let client = world.client().await?;
    let mut peer = world.peer("alone").await?;
    send(&client, (0..30).map(|number| format!("request {number}"))).await?;
    let mut held = vec![peer.take(2, SOON).await?, peer.take(1, SOON).await?];
    // One that is handed back as busy counts until it is settled.
    let busy = held.pop().expect("there are two").settle(Verdict::Busy);
    let busy = tokio::spawn(async move { busy.await.is_ok() });
    sleep(Duration::from_millis(5)).await;
    let under_way = !busy.is_finished();
    let surplus = peer.take_if_any(1, Duration::from_millis(20)).await?;
    if surplus.is_some() && under_way && !busy.is_finished() {
        let what = "expected nothing more while a settlement is under way that takes up the credit";
        return Err(world.log.failure(what));
    }
    held.extend(surplus);
    if peer.take_if_any(0, world.subject.lease() / 2).await?.is_some() {
        return Err(world.log.failure("expected no request without credit"));
    }
    let _ = busy.await;
    for message in held {
        message.ack().await?;
    }
    peer.close().await?;

    let short = |_, _| async {
        sleep(Duration::from_millis(100)).await;
        Ok(())
    };
    let servers =
        [world.server("a", SLOTS, work(short)).await?, world.server("b", SLOTS, work(short)).await?];
    let completed = |event: &&Event| matches!(event.what, What::Completed { .. });
    let all = |events: &[Event]| events.iter().filter(completed).count() >= 20;
    world.log.wait(2 * SOON, "20 tasks completed", all).await?;
    for server in servers {
        server.stop(SOON).await?;
    }
    most_in_flight(&world, SLOTS)
}

/// Fails if a server had more requests under way than it has slots, or more than twice as many with those whose task is done
/// and whose acknowledgement is on its way: for as long as a task takes.
///
/// For less than that it may seem so: a transport knows of the end of a settlement, and may hand out the next request,
/// before the end is written down.
fn most_in_flight(world: &World, slots: usize) -> Checked {
    let mut servers: HashMap<&str, InFlight<'_>> = HashMap::new();
    let events = world.log.events();
    let exceeded = events.iter().find_map(|event| {
        let in_flight = servers.entry(&event.server).or_default();
        let too_many = in_flight.are_too_many(slots);
        match &event.what {
            What::Delivered { .. } => in_flight.unsettled += 1,
            What::Settled { body, .. } | What::Dropped { body } => {
                in_flight.unsettled = in_flight.unsettled.saturating_sub(1);
                in_flight.done.remove(body);
            }
            What::Started { body } if too_many => in_flight.begun.push(body),
            What::Completed { body } if in_flight.begun.contains(&body) => {
                return Some((event.server.to_string(), in_flight.unsettled, in_flight.done.len()));
            }
            What::Completed { body } => drop(in_flight.done.insert(body)),
            _ => {}
        }
        if !in_flight.are_too_many(slots) {
            in_flight.begun.clear();
        }
        None
    });
    drop(servers);
    drop(events);
    match exceeded {
        Some((server, unsettled, done)) => {
            let what = format!(
                "expected at most {slots} requests under way, and as many that are done; server {server} had {unsettled} \
                 unsettled, of which {done} were done"
            );
            Err(world.log.failure(&what))
        }
        None => Ok(()),
    }
}

/// The requests of a server.
#[derive(Default)]
struct InFlight<'a> {
    unsettled: usize,
    /// Those of them whose task has done its work.
    done: HashSet<&'a Bytes>,
    /// The tasks that began while there were too many.
    begun: Vec<&'a Bytes>,
}

impl InFlight<'_> {
    fn are_too_many(&self, slots: usize) -> bool {
        self.unsettled - self.done.len().min(self.unsettled) > slots || self.unsettled > 2 * slots
    }
}

/// A task that takes three leases, while another server would take its request.
pub(in crate::conformance) async fn long_task_keeps_its_lease(world: Arc<World>) -> Checked {
    let client = world.client().await?;
    let lease = world.subject.lease();
    let long = work(move |_, _| async move {
        sleep(3 * lease).await;
        Ok(())
    });
    let servers =
        [world.server("a", 2, Arc::clone(&long)).await?, world.server("b", 2, Arc::clone(&long)).await?];
    send(&client, ["long"]).await?;
    let settled = |events: &[Event]| events.iter().any(|event| event.is_settled(b"long", VerdictKind::Done));
    world.log.wait(3 * lease + SOON, "the request settled as done", settled).await?;
    sleep(lease).await;
    let deliveries = world.log.count(|event| event.is_delivery_of(b"long"));
    let lost = world.log.count(|event| matches!(event.what, What::LeaseLost { .. }));
    if (deliveries, lost) != (1, 0) {
        let what = format!("expected one delivery and no lost lease; seen {deliveries} and {lost}");
        return Err(world.log.failure(&what));
    }
    for server in servers {
        server.stop(SOON).await?;
    }
    Ok(())
}

/// Eight requests, settled as it comes: all of them, and then some of them before the server dies.
pub(in crate::conformance) async fn settle_in_any_order(world: Arc<World>) -> Checked {
    const ORDER: [usize; 8] = [5, 2, 7, 0, 6, 1, 4, 3];
    let client = world.client().await?;
    let mut first = world.peer("first").await?;
    for round in ["settled", "open"] {
        send(&client, (0..8).map(|number| format!("{round} {number}"))).await?;
        let mut held = Vec::new();
        for taken in 0..8 {
            held.push(Some(first.take(8 - taken, SOON).await?));
        }
        let settled = if round == "settled" { 8 } else { 4 };
        for &index in &ORDER[..settled] {
            held[index].take().expect("each is settled once").ack().await?;
        }
        if round == "open" {
            let open: Vec<_> = held.iter().flatten().map(|message| message.body().clone()).collect();
            world.vanish(&first.connection);
            drop(first);
            let mut second = world.peer("second").await?;
            let mut missing = open;
            while !missing.is_empty() {
                let message = second.take(8, world.subject.lease() + 2 * SOON).await?;
                if message.body().starts_with(b"settled") {
                    return Err(world.log.failure("expected nothing again that was settled"));
                }
                // What was settled right before a death may come again; what was not has to.
                missing.retain(|body| body != message.body());
                message.ack().await?;
            }
            return second.close().await;
        }
    }
    Ok(())
}
