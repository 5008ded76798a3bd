//! Burners: how long a request takes to start when what holds the slots burns the CPU, and more of it than there are cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use occamy_core::{Error, Task, TaskContext, TaskDetails};

use crate::holders::{Holders, Plan};
use crate::kind::Kind;
use crate::record::Record;
use crate::script::Hook;
use crate::stretch::Stretch;

#[derive(clap::Args)]
pub(crate) struct Options {
    #[arg(long)]
    slots: usize,
    /// Holders never look at their stop, instead of every 20 µs of computing
    #[arg(long)]
    never_look: bool,
    /// How many victims may wind down beside the slots
    #[arg(long, default_value_t = 0)]
    overlap: usize,
    /// Lower victims to idle priority
    #[arg(long)]
    idle_priority: bool,
    /// How many servers there are, one after the other
    #[arg(long)]
    servers: usize,
    /// How many requests each gets, one after the other
    #[arg(long)]
    requests: usize,
    /// In milliseconds
    #[arg(long)]
    kill_timeout: u64,
}

/// The time between two looks.
const LOOK: Duration = Duration::from_micros(20);
/// A request comes at any moment of a time slice of the system's scheduler.
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// One request at a time: from the call to the first statement of its task, or to its refusal.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Record> {
    let stretch = Stretch::lasting(LOOK);
    let (mut starts, mut refused) = (Vec::new(), 0);
    for _ in 0..options.servers {
        let end = Arc::new(End::default());
        let hold = {
            let (end, looks) = (Arc::clone(&end), !options.never_look);
            move |begin| Burner { begin, looks, stretch, end: Arc::clone(&end) }.into()
        };
        let offers = options.slots + if options.never_look { options.requests } else { 0 };
        let plan = Plan { kind: Kind::Threads, slots: options.slots, offers, at_once: 1 };
        let holders = Holders::open(plan, hold, |builder| {
            builder
                .eviction_overlap(options.overlap)
                .idle_priority(options.idle_priority)
                .kill_timeout(Duration::from_millis(options.kill_timeout))
        })
        .await?;
        for _ in 0..options.requests {
            tokio::time::sleep(LONGEST_PAUSE.mul_f64(fastrand::f64())).await;
            let burst = holders.requests().await;
            starts.push(burst.last);
            refused += burst.refused;
            if burst.refused == 0 {
                holders.held_again().await;
            }
        }
        end.come().await;
        // What was wedged may be reported as such still, though its thread has ended.
        holders.server.shutdown(Duration::ZERO).await;
    }
    Ok(Record::default().samples("start", &starts).refused(refused))
}

/// Holds a slot and burns the CPU.
struct Burner {
    begin: Hook,
    looks: bool,
    stretch: Stretch,
    end: Arc<End>,
}

impl Burner {
    fn is_over(&self, cx: &TaskContext) -> bool {
        self.end.released.load(Ordering::Relaxed) || (self.looks && cx.is_stopped())
    }
}

/// The end of what burns on a server, whether it looks at its stop or not.
#[derive(Default)]
struct End {
    released: AtomicBool,
    running: AtomicUsize,
}

impl End {
    /// Returns when nothing burns any more. Threads of idle priority take their time.
    async fn come(&self) {
        self.released.store(true, Ordering::SeqCst);
        while self.running.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Task for Burner {
    fn details(&self) -> TaskDetails {
        TaskDetails::default()
    }

    fn run(&self, cx: &TaskContext) -> Result<(), Error> {
        self.end.running.fetch_add(1, Ordering::SeqCst);
        (self.begin)();
        while !self.is_over(cx) {
            self.stretch.compute();
        }
        self.end.running.fetch_sub(1, Ordering::SeqCst);
        cx.check()
    }
}
