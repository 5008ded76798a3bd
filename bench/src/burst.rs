//! Burst: how long many requests at once take to start when every victim takes its time to stop.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::holders::{Holders, Plan};
use crate::kind::Kind;
use crate::record::Record;
use crate::script::{Script, Then};
use crate::stage;

#[derive(clap::Args)]
pub(crate) struct Options {
    #[arg(long)]
    kind: Kind,
    #[arg(long)]
    slots: usize,
    /// How many requests there are at once
    #[arg(long)]
    requests: usize,
    /// How long each victim takes to stop, in microseconds
    #[arg(long)]
    linger: u64,
    #[arg(long)]
    rounds: usize,
}

/// From the first call to the first statement of the task that starts last.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Record> {
    let &Options { kind, slots, requests, linger, rounds } = options;
    let slowest = Arc::new(Mutex::new(Duration::ZERO));
    let then = Then::AwaitStop(Duration::from_micros(linger), {
        let slowest = Arc::clone(&slowest);
        Some(Arc::new(move |took| {
            let mut slowest = slowest.lock().unwrap_or_else(PoisonError::into_inner);
            *slowest = took.max(*slowest);
        }))
    });
    let hold = move |begin| Script { begin: Some(begin), then: then.clone(), ..Script::default() }.task(kind);
    let holders =
        Holders::open(Plan { kind, slots, offers: slots, at_once: requests }, hold, |builder| builder)
            .await?;

    let (mut lasts, mut stops, mut refused) = (Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        let burst = holders.requests().await;
        refused += burst.refused;
        lasts.push(burst.last);
        stops.push(std::mem::take(&mut *slowest.lock().unwrap_or_else(PoisonError::into_inner)));
        holders.held_again().await;
    }

    stage::close(holders.server).await?;
    let sum = |times: &[Duration]| times.iter().sum::<Duration>().as_secs_f64();
    Ok(Record::default()
        .figure("times_the_slowest_stop", sum(&lasts) / sum(&stops))
        .samples("last_start", &lasts)
        .samples("slowest_stop", &stops)
        .refused(refused))
}
