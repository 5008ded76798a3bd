//! What is watched as long as a transport lives: whether the brokers are there, and gaps that grow old.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{Consumer, StreamConsumer};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::context::Context;
use crate::gaps::{Gap, Gaps};
use crate::link::Link;

/// Looks after the connection: asks whether the brokers are there, so that a connection whose other side is silent is found,
/// too. A producer that asks for a topic has it created anew where that is allowed; this client has not.
pub(crate) async fn look_after(link: Arc<Link>, client: Arc<StreamConsumer<Context>>) {
    const PERIOD: Duration = Duration::from_secs(5);
    const PATIENCE: Duration = Duration::from_secs(10);
    const AWAY: Duration = Duration::from_millis(500);
    let mut tick = interval(PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut gaps = Gaps::default();
    loop {
        warn_of_gaps(&link, &mut gaps);
        let away = !link.connectivity.is_connected();
        tokio::select! {
            _ = tick.tick() => {}
            () = link.look.notified(), if !away => {}
            () = sleep(AWAY), if away => {}
            () = link.closed.cancelled() => return,
        }
        let asking = tokio::task::spawn_blocking({
            let (link, client) = (Arc::clone(&link), Arc::clone(&client));
            move || client.fetch_metadata(Some(&link.builder.names.request_topic), PATIENCE)
        });
        let answered = asking.await.is_ok_and(|answer| answer.is_ok());
        if answered == away {
            link.connectivity.set(answered);
        }
    }
}

fn warn_of_gaps(link: &Link, gaps: &mut Gaps) {
    let now = link.assignment.gaps();
    for (Gap { partition, offset, waiting }, age) in gaps.look(Instant::now(), link.builder.gap_warning, now)
    {
        tracing::warn!(
            partition,
            offset,
            waiting,
            age_seconds = age.as_secs(),
            "a record has not been finished for long: what is finished behind it can't be committed"
        );
    }
}
