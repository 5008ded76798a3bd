//! Memory: what slots, tasks and offers take, by the resident set of this process.

use std::sync::Arc;

use anyhow::ensure;
use procfs::process::Process;

use crate::countdown::Countdown;
use crate::kind::Kind;
use crate::letter::Letter;
use crate::record::Record;
use crate::script::{Script, Then};
use crate::stage;

#[derive(clap::Args)]
pub(crate) struct Options {
    #[arg(long)]
    kind: Kind,
    #[arg(long)]
    slots: usize,
    /// How many offers are queued once every slot is taken
    #[arg(long)]
    offers: usize,
}

const PARK: &str = "park";

/// The growth from one state to the next, in bytes for each that there is more of.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Record> {
    let &Options { kind, slots, offers } = options;
    let started = Arc::new(Countdown::default());
    let roles = stage::roles(kind, slots).role(PARK, {
        let started = Arc::clone(&started);
        move || {
            let started = Arc::clone(&started);
            Script { begin: Some(Arc::new(move || started.count())), then: Then::PARK, ..Script::default() }
        }
    });
    // What any server takes, and the first of everything, is there before the first look.
    let small = stage::server(2, stage::roles(kind, 2)).build()?;
    stage::warm_up(&small, 2).await?;

    let nothing = resident()?;
    let server = stage::server(slots, roles).max_offers(offers).build()?;
    let idle = resident()?;
    stage::park(&server, PARK, slots, &started).await;
    let parked = resident()?;
    for _ in 0..offers {
        server.handle_control(Box::new(Letter::new(PARK, |_| ())));
    }
    let queued = server.snapshot().queued;
    ensure!(queued == offers, "{queued} offers are queued");
    let with_offers = resident()?;

    stage::close(server).await?;
    stage::close(small).await?;
    let each = |before: u64, after: u64, count: usize| bytes_each(after.saturating_sub(before), count);
    let record = Record::default()
        .figure("bytes_per_slot", each(nothing, idle, slots))
        .figure("bytes_per_task", each(idle, parked, slots));
    Ok(if offers > 0 { record.figure("bytes_per_offer", each(parked, with_offers, offers)) } else { record })
}

/// What of this process lies in memory, in bytes.
fn resident() -> anyhow::Result<u64> {
    Ok(Process::myself()?.statm()?.resident * procfs::page_size())
}

#[expect(clippy::cast_precision_loss, reason = "a process has fewer bytes than that")]
fn bytes_each(bytes: u64, count: usize) -> f64 {
    bytes as f64 / count as f64
}
