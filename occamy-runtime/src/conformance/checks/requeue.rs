//! Handing back: to whom, how fast, and what it counts for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use occamy_core::scheduler::Config;
use occamy_core::{Error, ErrorKind, Fate, Outcome, Verdict};
use tokio::time::{Instant, sleep};

use crate::conformance::failure::Checked;
use crate::conformance::world::{SOON, World, send};

/// Whoever gets it hands it back, until it is another.
pub(in crate::conformance) async fn requeue_reaches_another_server(world: Arc<World>) -> Checked {
    const TRIES: usize = 20;
    let client = world.client().await?;
    let (mut a, mut b) = (world.peer("a").await?, world.peer("b").await?);
    for (round, verdict) in [("interrupted", Verdict::Interrupted), ("busy", Verdict::Busy)] {
        send(&client, [round]).await?;
        let mut first = None;
        let mut reached = false;
        for _ in 0..TRIES {
            let (server, message) = tokio::select! {
                message = a.take(1, SOON) => ("a", message?),
                message = b.take(1, SOON) => ("b", message?),
            };
            if *first.get_or_insert(server) != server {
                message.ack().await?;
                reached = true;
                break;
            }
            // Both ask while it is handed back.
            let handed_back = tokio::spawn(message.settle(verdict.clone()));
            sleep(Duration::from_millis(1)).await;
            drop(handed_back);
        }
        if !reached {
            let what = format!("expected at another server what was handed back as {round}");
            return Err(world.log.failure(&what));
        }
    }
    a.close().await?;
    b.close().await
}

/// A server that is alone and hands back whatever it gets.
pub(in crate::conformance) async fn requeue_does_not_spin(world: Arc<World>) -> Checked {
    const WATCHED: Duration = Duration::from_secs(3);
    // One every 50 ms.
    const MOST: usize = 60;
    let client = world.client().await?;
    let mut peer = world.peer("alone").await?;
    for (round, verdict) in [("interrupted", Verdict::Interrupted), ("busy", Verdict::Busy)] {
        send(&client, [round]).await?;
        // A server may take a while to get its first request.
        peer.take(1, SOON).await?.settle(verdict.clone()).await?;
        let start = Instant::now();
        let mut deliveries = 1;
        while start.elapsed() < WATCHED && deliveries <= MOST {
            let left = WATCHED.saturating_sub(start.elapsed());
            if let Some(message) = peer.take_if_any(1, left).await? {
                deliveries += 1;
                message.settle(verdict.clone()).await?;
            }
        }
        if !(2..=MOST).contains(&deliveries) {
            let what = format!(
                "expected 2 to {MOST} deliveries in {WATCHED:?} of what a lone server hands back as {round}; seen \
                 {deliveries}, in {:?}",
                start.elapsed()
            );
            return Err(world.log.failure(&what));
        }
        peer.take(1, SOON).await?.ack().await?;
    }
    peer.close().await
}

/// Handed back a few times, then retried: only that is counted.
pub(in crate::conformance) async fn handing_back_uses_up_no_attempts(world: Arc<World>) -> Checked {
    let client = world.client().await?;
    let mut peer = world.peer("alone").await?;
    send(&client, ["request"]).await?;
    let retry = retry(Duration::from_millis(50));
    let verdicts = [
        (1, Verdict::Interrupted),
        (1, Verdict::Busy),
        (1, Verdict::Interrupted),
        (1, Verdict::Busy),
        (1, retry.clone()),
        (2, Verdict::Busy),
        (2, Verdict::Interrupted),
        (2, retry),
        (3, Verdict::Done),
    ];
    for (attempt, verdict) in verdicts {
        let message = peer.take(1, SOON).await?;
        if message.attempt() != attempt || message.body() != &Bytes::from("request") {
            let what = format!("expected attempt {attempt}; it is said to be {}", message.attempt());
            return Err(world.log.failure(&what));
        }
        message.settle(verdict).await?;
    }
    peer.close().await
}

/// The verdict on a task that failed and may be tried again.
fn retry(after: Duration) -> Verdict {
    let error = Error::new(ErrorKind::UnknownTask, "not yet").retry_after(after);
    Verdict::on_end(Outcome::Failed(error), Fate::Undisturbed, 1, Config::new(1).limits)
}
