//! Dispatch: how long the server takes for a request that has nothing to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::ensure;
use tokio::sync::Semaphore;

use crate::countdown::Countdown;
use crate::kind::Kind;
use crate::letter::Letter;
use crate::record::{Record, nanoseconds_each};
use crate::script::{Script, Then};
use crate::stage;

#[derive(clap::Args)]
pub(crate) struct Options {
    #[arg(long)]
    kind: Kind,
    #[arg(long)]
    slots: usize,
    /// How many of the slots hold a request that waits all the while
    #[arg(long, default_value_t = 0)]
    parked: usize,
    #[arg(long)]
    requests: usize,
    /// How many slots expansion leaves empty: with all but one, no task is ever asked for assistants
    #[arg(long, default_value_t = 0)]
    buffer: usize,
}

const NOTHING: &str = "nothing";
const PARK: &str = "park";

/// One caller makes the requests, as many at a time as slots are free: the next as soon as one is settled.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Record> {
    let &Options { kind, slots, parked, requests, buffer } = options;
    ensure!(parked < slots, "no slot is free");
    let started = Arc::new(Countdown::default());
    let roles = stage::roles(kind, slots).role(NOTHING, Script::default).role(PARK, {
        let started = Arc::clone(&started);
        move || {
            let started = Arc::clone(&started);
            Script { begin: Some(Arc::new(move || started.count())), then: Then::PARK, ..Script::default() }
        }
    });
    let server = stage::server(slots, roles).expansion_slot_buffer(buffer).build()?;
    stage::warm_up(&server, slots).await?;
    stage::park(&server, PARK, parked, &started).await;

    let free = u32::try_from(slots - parked)?;
    let (room, refused) = (Arc::new(Semaphore::new(slots - parked)), Arc::new(AtomicUsize::new(0)));
    let start = Instant::now();
    for _ in 0..requests {
        let permit = Arc::clone(&room).acquire_owned().await?;
        let refused = Arc::clone(&refused);
        server.handle_request(Box::new(Letter::new(NOTHING, move |done| {
            if !done {
                refused.fetch_add(1, Ordering::Relaxed);
            }
            drop(permit);
        })));
    }
    drop(room.acquire_many(free).await?);
    let took = start.elapsed();

    stage::close(server).await?;
    Ok(Record::default()
        .figure("ns_per_request", nanoseconds_each(took, requests))
        .refused(refused.load(Ordering::Relaxed)))
}
