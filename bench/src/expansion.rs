//! Expansion: how long it takes to fill spare slots with one task's assistants.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use occamy_core::BoxTask;
use occamy_runtime::Server;
use tokio::time::sleep;

use crate::countdown::Countdown;
use crate::kind::Kind;
use crate::letter::Letter;
use crate::record::{Record, nanoseconds_each};
use crate::script::{Hook, Script, Then};
use crate::stage;
use crate::stamp::Stamp;

#[derive(clap::Args)]
pub(crate) struct Options {
    #[arg(long)]
    kind: Kind,
    #[arg(long)]
    slots: usize,
    /// How many servers are filled
    #[arg(long)]
    rounds: usize,
    /// How many slots are refilled on each, one by one
    #[arg(long)]
    refills: usize,
    /// How many passes find nothing to do on each
    #[arg(long)]
    passes: usize,
}

/// What a family that declined is left alone for, and then some.
const REST: Duration = Duration::from_millis(5);

const MASTER: &str = "master";
const NOTHING: &str = "nothing";

pub(crate) async fn run(options: &Options) -> anyhow::Result<Record> {
    let &Options { kind, slots, rounds, refills, passes } = options;
    let (mut fills, mut refilled, mut idle) = (Vec::new(), Vec::new(), Duration::ZERO);
    for _ in 0..rounds {
        let stage = Stage::open(kind, slots).await?;
        fills.push(stage.expand(slots - 1).await);
        for _ in 0..refills {
            stage.evict_one().await;
            refilled.push(stage.expand(1).await);
        }
        let start = Instant::now();
        for _ in 0..passes {
            stage.server.expand_tasks();
        }
        idle += start.elapsed();
        stage::close(stage.server).await?;
    }
    Ok(Record::default()
        .samples("fill", &fills)
        .samples("refill", &refilled)
        .figure("ns_per_pass", nanoseconds_each(idle, rounds * passes)))
}

/// A server with one request, which expands as it is told to.
struct Stage {
    server: Server,
    wanted: Arc<AtomicUsize>,
    started: Arc<Countdown>,
    last: Arc<Stamp>,
}

impl Stage {
    async fn open(kind: Kind, slots: usize) -> anyhow::Result<Self> {
        let (wanted, started, last) = <(Arc<AtomicUsize>, Arc<Countdown>, Arc<Stamp>)>::default();
        let begin: Hook = {
            let (started, last) = (Arc::clone(&started), Arc::clone(&last));
            Arc::new(move || {
                last.mark();
                started.count();
            })
        };
        let assistant = {
            let begin = Arc::clone(&begin);
            move || {
                Script { begin: Some(Arc::clone(&begin)), then: Then::PARK, ..Script::default() }.task(kind)
            }
        };
        let expand = {
            let wanted = Arc::clone(&wanted);
            Arc::new(move |limit: usize| -> Vec<BoxTask> {
                let taken = |wanted: usize| Some(wanted - wanted.min(limit));
                let before = wanted.fetch_update(Ordering::SeqCst, Ordering::SeqCst, taken);
                (0..before.unwrap_or_default().min(limit)).map(|_| assistant()).collect()
            })
        };
        let roles = stage::roles(kind, slots).role(NOTHING, Script::default).role(MASTER, move || Script {
            begin: Some(Arc::clone(&begin)),
            then: Then::PARK,
            expand: Some(Arc::clone(&expand) as _),
            ..Script::default()
        });
        let server = stage::server(slots, roles).build()?;
        stage::warm_up(&server, slots).await?;
        stage::park(&server, MASTER, 1, &started).await;
        Ok(Self { server, wanted, started, last })
    }

    /// From the call of `expand_tasks` to the first statement of the last of so many assistants.
    async fn expand(&self, assistants: usize) -> Duration {
        sleep(REST).await;
        self.started.expect(assistants);
        self.wanted.store(assistants, Ordering::SeqCst);
        let call = Instant::now();
        self.server.expand_tasks();
        self.started.done().await;
        self.last.since(call)
    }

    /// A request takes the slot of an assistant, and ends.
    async fn evict_one(&self) {
        let settled = Arc::new(Countdown::default());
        settled.expect(1);
        let letter = Letter::new(NOTHING, {
            let settled = Arc::clone(&settled);
            move |_| settled.count()
        });
        self.server.handle_request(Box::new(letter));
        settled.done().await;
    }
}
