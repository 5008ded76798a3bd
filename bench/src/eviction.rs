//! Eviction: how long a request takes to start when unprotected tasks hold every slot and wait for their stop.

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
    #[arg(long)]
    requests: usize,
}

/// One request at a time, from the call to the first statement of its task.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Record> {
    let &Options { kind, slots, requests } = options;
    let hold = move |begin| Script { begin: Some(begin), then: Then::PARK, ..Script::default() }.task(kind);
    let holders =
        Holders::open(Plan { kind, slots, offers: slots, at_once: 1 }, hold, |builder| builder).await?;

    let (mut starts, mut refused) = (Vec::<Duration>::with_capacity(requests), 0);
    for _ in 0..requests {
        let burst = holders.requests().await;
        refused += burst.refused;
        starts.push(burst.last);
        holders.held_again().await;
    }

    stage::close(holders.server).await?;
    Ok(Record::default().samples("start", &starts).refused(refused))
}
