//! Brokers that are away, connections that are half open, servers that die.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use occamy_core::{BrokerEvent, Headers, VerdictKind};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::conformance::failure::{Checked, Failure};
use crate::conformance::log::{Event, What};
use crate::conformance::proxy::Mode;
use crate::conformance::serving::{Serving, done, work};
use crate::conformance::worker::{HOLD, Worker};
use crate::conformance::world::{SOON, World, send};

/// The process of a server is killed while it works on a request, after longer than a lease.
pub(in crate::conformance) async fn killed_server_loses_nothing(world: Arc<World>) -> Checked {
    let client = world.client().await?;
    let lease = world.subject.lease();
    // At work until it is killed, in a process or in this one.
    let (mut worker, mut server) = (None, None);
    if world.subject.in_process() {
        let holds = work(|_, _| std::future::pending());
        server = Some(world.server("victim", 2, holds).await?);
    } else {
        worker = Some(Worker::start(&world.connection("victim").await?).await?);
    }
    send(&client, [HOLD]).await?;
    match &mut worker {
        Some(worker) => drop(worker.says("began", SOON).await?),
        None => {
            let began = |events: &[Event]| events.iter().any(|event| event.is_start_of(HOLD.as_bytes()));
            world.log.wait(SOON, "the task begun", began).await?;
        }
    }
    sleep(lease * 3 / 2).await;
    let other = world.server("other", 2, done()).await?;
    if let Some(worker) = worker {
        worker.kill().await?;
    }
    if let Some(server) = server {
        server.kill();
    }
    let elsewhere = |events: &[Event]| {
        let settled = |event: &Event| event.is_settled(HOLD.as_bytes(), VerdictKind::Done);
        events.iter().any(|event| &*event.server == "other" && settled(event))
    };
    world
        .log
        .wait(lease + 2 * SOON, "the request of the dead server done by the other one", elsewhere)
        .await?;
    other.stop(SOON).await?;
    Ok(())
}

/// For half a minute nothing can be reached.
pub(in crate::conformance) async fn broker_away(world: Arc<World>) -> Checked {
    const AWAY: Duration = Duration::from_secs(30);
    // Ten a second at each server, twice over.
    const MOST_ERRORS: usize = 1_200;
    const MOST_MEMORY: u64 = 64 << 10;
    const MOST_CPU: Duration = Duration::from_secs(3);
    let client = world.client().await?;
    let servers = [world.server("a", 2, done()).await?, world.server("b", 2, done()).await?];
    both_served(&world, &client, "before the outage").await?;
    // What it costs can only be told of a process that does nothing else.
    let mut worker = None;
    if !world.subject.in_process() {
        let connection = world.connection("worker").await?;
        let mut process = Worker::start(&connection).await?;
        let before = process.usage().await?;
        worker = Some((process, connection, before));
    }
    for server in &servers {
        world.disturb(&server.connection, Mode::Refuse);
    }
    if let Some((_, connection, _)) = &worker {
        world.disturb(connection, Mode::Refuse);
    }
    let noticed = world.log.count(|_| true);
    fill_outbox(&servers[0])?;
    sleep(AWAY).await;
    if let Some(server) = servers.iter().find(|server| !server.is_serving()) {
        let what = format!("expected server {} to wait for the broker", server.connection.server);
        return Err(world.log.failure(&what));
    }
    let events = world.log.count(|_| true) - noticed;
    if events > MOST_ERRORS {
        let what =
            format!("expected at most {MOST_ERRORS} events in {AWAY:?} without a broker; seen {events}");
        return Err(world.log.failure(&what));
    }
    if let Some((mut process, _, before)) = worker {
        let after = process.usage().await?;
        let grown = after.memory.saturating_sub(before.memory);
        if grown > MOST_MEMORY {
            return Err(Failure(format!(
                "expected a server to grow by at most {MOST_MEMORY} KiB in {AWAY:?} without a broker; it was {grown}"
            )));
        }
        let spent = after.cpu.saturating_sub(before.cpu);
        if spent > MOST_CPU {
            return Err(Failure(format!(
                "expected a server to spend at most {MOST_CPU:?} of CPU time on {AWAY:?} without a broker; it was \
                 {spent:?}"
            )));
        }
        process.kill().await?;
    }
    for server in &servers {
        world.disturb(&server.connection, Mode::Pass);
    }
    both_served(&world, &client, "after the outage").await?;
    for server in servers {
        server.stop(SOON).await?;
    }
    Ok(())
}

/// What tasks send while nothing can be sent takes a bounded place.
fn fill_outbox(server: &Serving) -> Checked {
    const TRIES: usize = 200_000;
    let body = Bytes::from_static(&[b'x'; 64]);
    for _ in 0..TRIES {
        if server.publisher.try_control(Headers::new().with("task-id", "nobody"), body.clone()).is_err() {
            return Ok(());
        }
    }
    Err(Failure(format!("expected a bounded outbox; it took {TRIES} messages while the broker was away")))
}

/// Within ten seconds each of the two servers takes a request that is sent from now on.
async fn both_served(
    world: &World,
    client: &Arc<dyn occamy_core::transport::Publisher>,
    when: &str,
) -> Checked {
    let (deadline, from) = (Instant::now() + SOON, world.log.count(|_| true));
    for number in 0.. {
        send(client, [format!("{when} {number}")]).await?;
        sleep(Duration::from_millis(100)).await;
        let served = |server: &str| {
            let events = world.log.events();
            let mut since = events[from..].iter().filter(|event| &*event.server == server);
            since.any(|event| matches!(event.what, What::Settled { error: None, .. }))
        };
        if served("a") && served("b") {
            return Ok(());
        }
        if Instant::now() > deadline {
            break;
        }
    }
    Err(world.log.failure(&format!("expected both servers to serve requests within {SOON:?}, {when}")))
}

/// The other side of a connection has vanished without a word.
pub(in crate::conformance) async fn half_open_connection(world: Arc<World>) -> Checked {
    const NOTICED: Duration = Duration::from_secs(35);
    let client = world.client().await?;
    let server = world.server("a", 2, done()).await?;
    let connected = |events: &[Event]| events.iter().any(|event| event.is_broker(BrokerEvent::Connected));
    world.log.wait(SOON, "the event Connected", connected).await?;
    world.disturb(&server.connection, Mode::Swallow);
    let noticed = |events: &[Event]| events.iter().any(|event| event.is_broker(BrokerEvent::Disconnected));
    world.log.wait(NOTICED, "the event Disconnected", noticed).await?;
    world.disturb(&server.connection, Mode::Pass);
    let back = |events: &[Event]| events.iter().any(|event| event.is_broker(BrokerEvent::Reconnected));
    world.log.wait(NOTICED, "the event Reconnected", back).await?;
    send(&client, ["after"]).await?;
    let served = |events: &[Event]| events.iter().any(|event| event.is_settled(b"after", VerdictKind::Done));
    world.log.wait(SOON, "a request served", served).await?;
    server.stop(SOON).await?;
    Ok(())
}

/// The broker is restarted while a task runs, which then ends.
pub(in crate::conformance) async fn broker_restarted(world: Arc<World>) -> Checked {
    let (release, released) = watch::channel(false);
    let waits = work(move |body, _| {
        let mut released = released.clone();
        async move {
            if body.starts_with(HOLD.as_bytes()) {
                let _ = released.wait_for(|released| *released).await;
            }
            Ok(())
        }
    });
    let servers =
        [world.server("a", 2, Arc::clone(&waits)).await?, world.server("b", 2, Arc::clone(&waits)).await?];
    let client = world.client().await?;
    send(&client, [HOLD]).await?;
    let held = HOLD.as_bytes();
    let began = |events: &[Event]| events.iter().any(|event| event.is_start_of(held));
    world.log.wait(SOON, "the task begun", began).await?;
    world.subject.restart_broker(&world.service).await?;
    sleep(world.subject.lease() * 2).await;
    release.send_replace(true);
    let ends = |events: &[Event]| {
        let starts = events.iter().filter(|event| event.is_start_of(held)).count();
        let settled = |event: &&Event| matches!(&event.what, What::Settled { body, .. } if body == held);
        let done = events.iter().any(|event| event.is_settled(held, VerdictKind::Done));
        done && events.iter().filter(settled).count() == starts
    };
    world.log.wait(6 * SOON, "the request settled as done, once for each run", ends).await?;
    sleep(world.subject.lease() * 2).await;
    let done = world.log.count(|event| event.is_settled(held, VerdictKind::Done));
    let starts = world.log.count(|event| event.is_start_of(held));
    let lost = world.log.count(|event| matches!(event.what, What::LeaseLost { .. }));
    let stale = world.log.count(|event| event.is_broker(BrokerEvent::StaleSettlement));
    if done != 1 || (starts > 1 && (lost == 0 || stale == 0)) {
        let what = format!(
            "expected one settlement as done, and of every further run a lost lease and a stale settlement; seen \
             {starts} runs, {done} settlements, {lost} lost leases and {stale} stale settlements"
        );
        return Err(world.log.failure(&what));
    }
    let client = world.client().await?;
    both_served(&world, &client, "after the restart").await?;
    for server in servers {
        server.stop(SOON).await?;
    }
    Ok(())
}
