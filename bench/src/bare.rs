//! The limit: what tokio alone takes for a task, without a scheduler, a message or a stop. Async tasks are spawned, and the
//! others are calls on a pool with as many threads as slots.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Subcommand;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Semaphore;

use crate::countdown::Countdown;
use crate::kind::Kind;
use crate::record::{Record, nanoseconds_each};
use crate::stamp::Stamp;

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
    #[arg(long, global = true, default_value = "async")]
    kind: Kind,
    /// How many tasks there are at a time
    #[arg(long, global = true, default_value_t = 1)]
    slots: usize,
    #[arg(long, global = true, default_value_t = 1)]
    requests: usize,
    /// How long to do nothing before each, in microseconds
    #[arg(long, global = true, default_value_t = 0)]
    pause: u64,
}

#[derive(Clone, Copy, Subcommand)]
enum What {
    /// As the benchmark of this name: what a task takes that does nothing
    Dispatch,
    /// As the benchmark of this name: from the call to the first statement
    Start,
}

pub(crate) async fn run(options: &Options) -> anyhow::Result<Record> {
    let spawner = Spawner::new(options.kind, options.slots)?;
    let record = match options.what {
        What::Dispatch => dispatch(&spawner, options).await?,
        What::Start => start(&spawner, options).await?,
    };
    spawner.end();
    Ok(record)
}

async fn dispatch(spawner: &Spawner, options: &Options) -> anyhow::Result<Record> {
    let &Options { slots, requests, .. } = options;
    spawner.warm_up(slots).await;
    let room = Arc::new(Semaphore::new(slots));
    let start = Instant::now();
    for _ in 0..requests {
        let permit = Arc::clone(&room).acquire_owned().await?;
        spawner.spawn(move || drop(permit));
    }
    drop(room.acquire_many(u32::try_from(slots)?).await?);
    Ok(Record::default().figure("ns_per_request", nanoseconds_each(start.elapsed(), requests)))
}

async fn start(spawner: &Spawner, options: &Options) -> anyhow::Result<Record> {
    let &Options { slots, requests, pause, .. } = options;
    spawner.warm_up(slots).await;
    let (stamp, started) = (Arc::new(Stamp::default()), Arc::new(Countdown::default()));
    let mut starts = Vec::with_capacity(requests);
    for _ in 0..requests {
        if pause > 0 {
            let pause = Duration::from_micros(pause);
            tokio::task::spawn_blocking(move || std::thread::sleep(pause)).await?;
        }
        started.expect(1);
        let (begun, counted) = (Arc::clone(&stamp), Arc::clone(&started));
        let call = Instant::now();
        spawner.spawn(move || {
            begun.mark();
            counted.count();
        });
        started.done().await;
        starts.push(stamp.since(call));
    }
    Ok(Record::default().samples("start", &starts))
}

/// Where tasks run.
enum Spawner {
    Tokio(Handle),
    Pool(Runtime),
}

impl Spawner {
    fn new(kind: Kind, slots: usize) -> std::io::Result<Self> {
        match kind {
            Kind::Async => Ok(Self::Tokio(Handle::current())),
            Kind::Threads => {
                Builder::new_current_thread().max_blocking_threads(slots).build().map(Self::Pool)
            }
        }
    }

    fn spawn(&self, task: impl FnOnce() + Send + 'static) {
        match self {
            Self::Tokio(runtime) => drop(runtime.spawn(async move { task() })),
            Self::Pool(runtime) => drop(runtime.spawn_blocking(task)),
        }
    }

    /// Has every thread of the pool be there.
    async fn warm_up(&self, slots: usize) {
        if let Self::Pool(_) = self {
            let barrier = Arc::new(std::sync::Barrier::new(slots));
            let passed = Arc::new(Countdown::default());
            passed.expect(slots);
            for _ in 0..slots {
                let (barrier, passed) = (Arc::clone(&barrier), Arc::clone(&passed));
                self.spawn(move || {
                    barrier.wait();
                    passed.count();
                });
            }
            passed.done().await;
        }
    }

    fn end(self) {
        if let Self::Pool(runtime) = self {
            runtime.shutdown_background();
        }
    }
}
