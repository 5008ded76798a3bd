//! Many requests: while a server shuts down, without faults, and with all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use futures_util::{StreamExt, TryStreamExt, stream};
use occamy_core::transport::Publisher;
use occamy_core::{Error, ErrorKind, Headers};
use tokio::time::{Instant, sleep};

use crate::conformance::failure::{Checked, Failure};
use crate::conformance::log::{Event, What};
use crate::conformance::serving::{Work, work};
use crate::conformance::world::{SOON, World, send};

/// One of two servers shuts down, and does not wait for its tasks.
pub(in crate::conformance) async fn shutdown_under_load(world: Arc<World>) -> Checked {
    const REQUESTS: usize = 60;
    let client = world.client().await?;
    let short = work(|_, cx| async move {
        tokio::select! {
            () = sleep(Duration::from_millis(60)) => Ok(()),
            () = cx.stopped() => Err(Error::interrupted()),
        }
    });
    let a = world.server("a", 4, Arc::clone(&short)).await?;
    send(&client, (0..REQUESTS).map(|number| format!("request {number}"))).await?;
    let busy = |events: &[Event]| {
        events.iter().filter(|event| matches!(event.what, What::Started { .. })).count() >= 4
    };
    world.log.wait(SOON, "four tasks begun", busy).await?;
    let b = world.server("b", 4, short).await?;
    let report = a.stop(Duration::ZERO).await?;
    if !report.is_clean() {
        return Err(Failure(format!(
            "expected everything settled by the end of the shutdown; seen {report:?}"
        )));
    }
    let all = |events: &[Event]| completed(events).len() >= REQUESTS;
    world.log.wait(world.subject.lease() + 3 * SOON, "every request completed, here or there", all).await?;
    b.stop(SOON).await?;
    Ok(())
}

/// Nothing fails and nothing dies.
pub(in crate::conformance) async fn nothing_runs_twice_without_faults(world: Arc<World>) -> Checked {
    let count = world.subject.requests();
    let client = world.client().await?;
    let at_once = work(|_, _| std::future::ready(Ok(())));
    let servers = [
        world.server("a", 4, Arc::clone(&at_once)).await?,
        world.server("b", 4, Arc::clone(&at_once)).await?,
    ];
    let bodies = (0..count).map(|number| format!("request {number}")).collect();
    flood(&client, bodies).await?;
    let all = |events: &[Event]| completed(events).len() >= count;
    patiently(&world, "every request completed", all).await?;
    sleep(world.subject.lease()).await;
    let mut runs: BTreeMap<Bytes, usize> = BTreeMap::new();
    for event in world.log.events().iter() {
        if let What::Started { body } = &event.what {
            *runs.entry(body.clone()).or_default() += 1;
        }
    }
    let twice: Vec<_> = runs.iter().filter(|&(_, &runs)| runs > 1).take(10).collect();
    if !twice.is_empty() {
        return Err(Failure(format!(
            "expected each of {count} requests to run once; seen more often: {twice:?}"
        )));
    }
    for server in servers {
        server.stop(SOON).await?;
    }
    Ok(())
}

/// Tasks fail, and servers die: every request is done in the end, or a dead letter.
pub(in crate::conformance) async fn nothing_is_lost_whatever_happens(world: Arc<World>) -> Checked {
    let (count, mut rng) = (world.subject.requests(), Rng::with_seed(world.seed));
    let client = world.client().await?;
    let bodies: Vec<String> = (0..count)
        .map(|number| match rng.u8(0..100) {
            0..5 => format!("flaky {number}"),
            5..7 => format!("doomed {number}"),
            _ => format!("good {number}"),
        })
        .collect();
    let sent: BTreeSet<Bytes> = bodies.iter().cloned().map(Bytes::from).collect();
    let doomed = bodies.iter().filter(|body| body.starts_with("doomed")).count();
    let lives = ["a", "b"].map(|name| tokio::spawn(live(Arc::clone(&world), name, rng.fork())));
    flood(&client, bodies).await?;
    let all = |events: &[Event]| completed(events).len() >= count - doomed;
    patiently(&world, "every request completed that can be", all).await?;
    let mut dead = BTreeSet::new();
    let deadline = Instant::now() + 6 * SOON;
    while dead.len() < doomed && Instant::now() < deadline {
        let letters = world.subject.take_dead_letters(&world.service).await?;
        dead.extend(letters.into_iter().map(|letter| letter.body));
        sleep(Duration::from_millis(50)).await;
    }
    let mut over = completed(&world.log.events());
    over.extend(dead.iter().cloned());
    if over != sent {
        let lost: Vec<_> = sent.difference(&over).take(10).collect();
        return Err(world.log.failure(&format!(
            "seed {}: expected {count} requests done or dead; {} are neither, among them {lost:?}",
            world.seed,
            sent.difference(&over).count()
        )));
    }
    for life in lives {
        life.await.map_err(|error| Failure(format!("a server panicked: {error}")))??;
    }
    Ok(())
}

/// A server that dies now and then and comes back under another name, and stays in the end.
async fn live(world: Arc<World>, name: &str, mut rng: Rng) -> Checked {
    const DEATHS: usize = 3;
    let work = moody(rng.fork());
    for life in 0..DEATHS {
        let server = world.server(&format!("{name}{life}"), 4, Arc::clone(&work)).await?;
        sleep(Duration::from_millis(rng.u64(50..800))).await;
        server.kill();
    }
    let server = world.server(name, 4, work).await?;
    let last = || world.log.events().last().map(|event| event.at);
    loop {
        let before = last();
        sleep(world.subject.lease() + Duration::from_secs(1)).await;
        if before == last() {
            break;
        }
    }
    server.stop(SOON).await?;
    Ok(())
}

/// Tasks that take a moment, and fail as their requests say.
fn moody(rng: Rng) -> Work {
    let rng = std::sync::Mutex::new(rng);
    work(move |body, cx| {
        let takes = rng.lock().unwrap_or_else(std::sync::PoisonError::into_inner).u64(0..4);
        async move {
            sleep(Duration::from_millis(takes)).await;
            if body.starts_with(b"doomed") {
                return Err(Error::new(ErrorKind::InvalidTask, "doomed"));
            }
            if body.starts_with(b"flaky") && cx.attempt() == 1 {
                return Err(
                    Error::new(ErrorKind::UnknownTask, "not now").retry_after(Duration::from_millis(20))
                );
            }
            Ok(())
        }
    })
}

/// Sends all of these, some at a time.
async fn flood(client: &Arc<dyn Publisher>, bodies: Vec<String>) -> Checked {
    const AT_A_TIME: usize = 64;
    let sending = bodies.into_iter().map(|body| client.request(Headers::new(), Bytes::from(body)));
    let sent: Result<Vec<()>, _> = stream::iter(sending).buffer_unordered(AT_A_TIME).try_collect().await;
    sent?;
    Ok(())
}

/// The requests whose tasks have ended well.
fn completed(events: &[Event]) -> BTreeSet<Bytes> {
    let completed = events.iter().filter_map(|event| match &event.what {
        What::Completed { body } => Some(body.clone()),
        _ => None,
    });
    completed.collect()
}

/// Waits as long as something happens, and half a minute more. Looks seldom, since there are many events.
async fn patiently(world: &World, expected: &str, holds: impl Fn(&[Event]) -> bool) -> Checked {
    let (mut seen, mut since) = (0, Instant::now());
    loop {
        sleep(Duration::from_millis(250)).await;
        let now = world.log.count(|_| true);
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
        if holds(&world.log.events()) {
            return Ok(());
        }
        if since.elapsed() > 3 * SOON + world.subject.lease() {
            return Err(world.log.failure(&format!("expected: {expected}; and nothing happens any more")));
        }
    }
}
