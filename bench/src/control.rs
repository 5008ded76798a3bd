//! Control: how long messages take to all running tasks that they are for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use occamy_core::transport::header;
use occamy_core::{Headers, TaskDetails};
use occamy_runtime::Server;

use crate::countdown::Countdown;
use crate::kind::Kind;
use crate::letter::Letter;
use crate::record::{Record, nanoseconds_each};
use crate::script::{Hook, Script, Then};
use crate::stage;
use crate::stamp::Stamp;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many tasks have the id
    #[arg(long)]
    tasks: usize,
    /// How many messages are sent one by one
    #[arg(long)]
    messages: usize,
    /// How many times 64 messages are sent without a wait
    #[arg(long)]
    volleys: usize,
    /// How often a message follows one whose `handle` sleeps
    #[arg(long)]
    rounds: usize,
}

/// Fewer than a mailbox holds, so that none is dropped.
const VOLLEY: usize = 64;
/// How long the slow `handle` takes.
const SLEEP: Duration = Duration::from_millis(50);

const MANY: &str = "many";
const SLOW: &str = "slow";
const QUICK: &str = "quick";

/// All end when the last `handle` has run.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Record> {
    let &Options { tasks, messages, volleys, rounds } = options;
    let stage = Stage::open(tasks).await?;

    let mut times = Vec::with_capacity(messages);
    for _ in 0..messages {
        stage.handled.expect(tasks);
        let call = Instant::now();
        stage.send(MANY);
        stage.handled.done().await;
        times.push(stage.last.since(call));
    }

    let start = Instant::now();
    for _ in 0..volleys {
        stage.handled.expect(VOLLEY * tasks);
        for _ in 0..VOLLEY {
            stage.send(MANY);
        }
        stage.handled.done().await;
    }
    let in_volleys = nanoseconds_each(start.elapsed(), volleys * VOLLEY);

    let mut delays = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        stage.handled.expect(2);
        let call = Instant::now();
        stage.send(SLOW);
        stage.send(QUICK);
        stage.handled.done().await;
        delays.push(stage.quick.since(call));
    }

    stage::close(stage.server).await?;
    Ok(Record::default()
        .samples("message", &times)
        .figure("ns_per_message", in_volleys)
        .figure("messages_per_second", 1e9 / in_volleys)
        .samples("behind_a_slow_one", &delays))
}

/// A server with the tasks, and two more with ids of their own.
struct Stage {
    server: Server,
    /// The end of every `handle`.
    handled: Arc<Countdown>,
    /// When the latest `handle` of the many ended.
    last: Arc<Stamp>,
    /// When the latest `handle` of the quick one began.
    quick: Arc<Stamp>,
}

impl Stage {
    async fn open(tasks: usize) -> anyhow::Result<Self> {
        let started = Arc::new(Countdown::default());
        let (handled, last, quick) = <(Arc<Countdown>, Arc<Stamp>, Arc<Stamp>)>::default();
        let begin: Hook = {
            let started = Arc::clone(&started);
            Arc::new(move || started.count())
        };
        let parked = |id: &'static str, handle: Hook| {
            let begin = Arc::clone(&begin);
            move || Script {
                details: TaskDetails::new(id),
                begin: Some(Arc::clone(&begin)),
                then: Then::PARK,
                handle: Some(Arc::clone(&handle)),
                expand: None,
            }
        };
        let marking = |stamp: &Arc<Stamp>| -> Hook {
            let (stamp, handled) = (Arc::clone(stamp), Arc::clone(&handled));
            Arc::new(move || {
                stamp.mark();
                handled.count();
            })
        };
        let sleeping = {
            let handled = Arc::clone(&handled);
            Arc::new(move || {
                std::thread::sleep(SLEEP);
                handled.count();
            })
        };
        let slots = tasks + 2;
        let roles = stage::roles(Kind::Async, slots)
            .role(MANY, parked(MANY, marking(&last)))
            .role(SLOW, parked(SLOW, sleeping))
            .role(QUICK, parked(QUICK, marking(&quick)));
        let server = stage::server(slots, roles).build()?;
        for (role, tasks) in [(MANY, tasks), (SLOW, 1), (QUICK, 1)] {
            stage::park(&server, role, tasks, &started).await;
        }
        Ok(Self { server, handled, last, quick })
    }

    fn send(&self, id: &'static str) {
        let headers = Headers::new().with(header::TASK_ID, id);
        self.server.handle_control(Box::new(Letter::with_headers(headers, "", |_| ())));
    }
}
