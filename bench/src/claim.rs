//! The claim itself: elastic requests that come in bursts, and what becomes of them and of the cores.

mod crew;
mod job;
mod served;
mod workers;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use procfs::{CpuTime, CurrentSI, KernelStats};
use rustix::time::ClockId;

use crate::bound::Bound;
use crate::record::Record;
use crate::stretch::{Stretch, on_core, speed_of_each};
use crate::times::{self, Times};
use crate::trace::{self, Plan, Request};
use crew::{Crew, hand_over};
use job::{Cut, Job};
use served::Served;
use workers::Workers;

#[derive(clap::Args)]
pub(crate) struct Options {
    #[arg(long)]
    policy: Policy,
    #[command(flatten)]
    trace: Plan,
    /// How many cores there are to be kept busy: as many slots or threads there are
    #[arg(long)]
    cores: usize,
    /// How long a piece takes, in microseconds: what an assistant that is told to stop throws away at most
    #[arg(long, default_value_t = 250)]
    piece: u64,
    /// How many victims of Occamy's may wind down beside the slots
    #[arg(long, default_value_t = 0)]
    overlap: usize,
    /// Write the trace to this file, for a peer
    #[arg(long)]
    write_trace: Option<PathBuf>,
}

/// Who does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Policy {
    /// A server, with assistants in its spare slots
    Occamy,
    /// A thread a core, each with one request at a time
    Pool,
    /// The same, and who finds no request assists until nothing is left to do
    Queue,
    /// What no policy can beat: computed, but for the start on an idle server
    Bound,
}

/// The time between an assistant's looks at its stop.
const LOOK: Duration = Duration::from_micros(20);
/// How long the speed of the cores is measured, before and after.
const CALIBRATION: Duration = Duration::from_millis(500);
/// The requests that come one by one before the trace, to an idle server, and the time between two of them.
const IDLE_REQUESTS: u32 = 400;
const IDLE_PAUSE: Duration = Duration::from_millis(3);

pub(crate) async fn run(options: &Options) -> anyhow::Result<Record> {
    let &Options { policy, cores, overlap, .. } = options;
    let trace = options.trace.trace(cores)?;
    if let Some(file) = &options.write_trace {
        std::fs::write(file, trace::text(&trace)).with_context(|| format!("write {}", file.display()))?;
    }
    let before = speed_of_each(cores, CALIBRATION);
    let steps = |time| Stretch::at(before, time).steps;
    let cut = Cut { piece: steps(Duration::from_micros(options.piece)), look: steps(LOOK) };
    let jobs = |requests: &[Request]| -> Vec<Arc<Job>> {
        let job = |request: &Request| Arc::new(Job::new(request.arrival, steps(request.work), cut));
        requests.iter().map(job).collect()
    };
    let idle = jobs(&one_by_one());
    if policy == Policy::Bound {
        let (idle, _) = occamy(cores, overlap, idle, Vec::new()).await?;
        return Ok(of_bound(&trace, cores, &idle.times));
    }
    let (idle, burst) = match policy {
        Policy::Occamy | Policy::Bound => occamy(cores, overlap, idle, jobs(&trace)).await?,
        Policy::Pool => workers(cores, false, idle, jobs(&trace)).await?,
        Policy::Queue => workers(cores, true, idle, jobs(&trace)).await?,
    };
    let after = speed_of_each(cores, CALIBRATION);
    let record = of_run(&burst, cores, (before, after), &idle.times);
    // The others take what has arrived: to them nothing is handed over.
    let starts = (policy == Policy::Occamy).then(|| times::starts_once_handed_over(&burst.times));
    Ok(starts.into_iter().fold(record, |record, starts| record.samples("start_once_handed_over", &starts)))
}

/// Requests of hardly any work, each on its own.
fn one_by_one() -> Vec<Request> {
    (0..IDLE_REQUESTS).map(|index| Request { arrival: IDLE_PAUSE * index, work: LOOK }).collect()
}

async fn occamy(
    slots: usize,
    overlap: usize,
    idle: Vec<Arc<Job>>,
    trace: Vec<Arc<Job>>,
) -> anyhow::Result<(Outcome, Outcome)> {
    let served = Arc::new(Served::open(slots, overlap).await?);
    let outcomes = play(Arc::clone(&served) as _, slots, idle, trace).await?;
    Arc::into_inner(served).context("the broker has ended")?.close().await?;
    Ok(outcomes)
}

async fn workers(
    threads: usize,
    assist: bool,
    idle: Vec<Arc<Job>>,
    trace: Vec<Arc<Job>>,
) -> anyhow::Result<(Outcome, Outcome)> {
    play(Arc::new(Workers::start(threads, assist)), usize::MAX, idle, trace).await
}

/// The requests that come one by one, and then the trace.
async fn play(
    crew: Arc<dyn Crew>,
    prefetch: usize,
    idle: Vec<Arc<Job>>,
    trace: Vec<Arc<Job>>,
) -> anyhow::Result<(Outcome, Outcome)> {
    let outcomes = tokio::task::spawn_blocking(move || {
        let outcome = |jobs: &[Arc<Job>]| Outcome::of(jobs, prefetch, &*crew);
        Ok((outcome(&idle)?, outcome(&trace)?))
    });
    outcomes.await?
}

/// What became of some requests.
struct Outcome {
    times: Vec<Times>,
    /// The steps of all requests.
    useful: u64,
    /// The steps that were done in vain.
    thrown: u64,
    /// The time that cores spent on this process.
    ours: Duration,
    /// The time that they spent on anything else.
    others: Duration,
}

impl Outcome {
    fn of(jobs: &[Arc<Job>], prefetch: usize, crew: &dyn Crew) -> anyhow::Result<Self> {
        let (busy_before, ours_before) = (busy()?, on_core(ClockId::ProcessCPUTime));
        let began = hand_over(jobs, prefetch, crew);
        let ours = on_core(ClockId::ProcessCPUTime).saturating_sub(ours_before);
        let others = busy()?.saturating_sub(busy_before + ours);
        let times = |job: &Arc<Job>| job.times(began).context("a request was settled and not done");
        Ok(Self {
            times: jobs.iter().map(times).collect::<anyhow::Result<_>>()?,
            useful: jobs.iter().map(|job| job.steps).sum(),
            thrown: jobs.iter().map(|job| job.thrown()).sum(),
            ours,
            others,
        })
    }
}

/// The time that all cores have spent on anything at all, as the system counts it in hundredths of a second.
fn busy() -> anyhow::Result<Duration> {
    let CpuTime { user, nice, system, irq, softirq, steal, .. } = KernelStats::current()?.total;
    let ticks = user
        + nice
        + system
        + irq.unwrap_or_default()
        + softirq.unwrap_or_default()
        + steal.unwrap_or_default();
    Ok(Duration::from_secs_f64(ticks as f64 / procfs::ticks_per_second() as f64))
}

fn of_run(run: &Outcome, cores: usize, (before, after): (f64, f64), idle: &[Times]) -> Record {
    let (useful, thrown) = (run.useful as f64, run.thrown as f64);
    let with_work = times::with_work(&run.times).as_secs_f64() * cores as f64;
    let all = run.times.iter().map(|times| times.end).max().unwrap_or_default().as_secs_f64() * cores as f64;
    let speed = f64::midpoint(before, after);
    record(&run.times, cores, idle)
        .figure("useful_share", useful / (speed * with_work))
        .figure("thrown_share", thrown / (useful + thrown))
        .figure("thrown_per_request", 1e9 * thrown / speed / run.times.len() as f64)
        .figure("busy_share", run.ours.as_secs_f64() / with_work)
        .figure("others_share", run.others.as_secs_f64() / all)
        .figure("speed_after", after / before)
}

/// The bound as a run of its own: no time at all without use, and a start as on an idle server.
fn of_bound(trace: &[Request], cores: usize, idle: &[Times]) -> Record {
    let count = u32::try_from(cores).unwrap_or(u32::MAX);
    let bound = Bound::of(trace, count, count);
    let starts = times::starts(idle);
    Record::default()
        .figure("mean_completion", bound.mean_completion.as_secs_f64() * 1e9)
        .figure("useful_share", 1.0)
        .figure("thrown_share", 0.0)
        .samples("completion", &bound.alone)
        .samples("start_given_room", &starts)
        .samples("start_once_handed_over", &times::starts_once_handed_over(idle))
        .samples("idle_start", &starts)
}

fn record(run: &[Times], cores: usize, idle: &[Times]) -> Record {
    let completions = times::completions(run);
    Record::default()
        .figure("mean_completion", times::mean(&completions).as_secs_f64() * 1e9)
        .samples("completion", &completions)
        .samples("start", &times::starts(run))
        .samples("start_given_room", &times::starts_given_room(run, cores))
        .samples("idle_start", &times::starts(idle))
}
