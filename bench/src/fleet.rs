//! The claim for a whole fleet, in simulation: the scheduler itself on every server, and virtual time. The same options give
//! the same figures.
//!
//! A request's work can be divided at will among the slots of one server. What is left out of the model is whatever takes
//! microseconds: hand-over, start, and the last pieces of a request, which do not all end at once.

mod floor;
mod served;
mod site;
mod workers;
mod world;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::bound::Bound;
use crate::record::Record;
use crate::times;
use crate::trace::{Plan, Request};
use floor::Floor;
use served::Served;
use site::{Delays, Site};
use workers::Workers;
use world::{CoreTime, Outcome, World};

#[derive(clap::Args)]
pub(crate) struct Options {
    #[arg(long)]
    policy: Policy,
    #[command(flatten)]
    trace: Plan,
    #[arg(long)]
    servers: usize,
    /// How many slots, and cores, each server has
    #[arg(long)]
    slots: usize,
    /// From the stop of an assistant to its end, in microseconds
    #[arg(long, default_value_t = 500)]
    stop: u64,
    /// From the question for assistants to the answer, in microseconds
    #[arg(long, default_value_t = 500)]
    answer: u64,
    /// How long a piece takes, in microseconds: an assistant that is told to stop has done half of one in vain
    #[arg(long, default_value_t = 250)]
    piece: u64,
    /// The broker hands requests to servers with an empty slot first, instead of to all that have room in turn
    #[arg(long)]
    empty_first: bool,
}

/// What runs on every server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Policy {
    /// Occamy's scheduler
    Occamy,
    /// A worker a core, each with one request at a time
    Pool,
    /// The same, and who finds no request assists until nothing is left to do
    Queue,
    /// What no policy can beat
    Bound,
}

pub(crate) fn run(options: &Options) -> Result<Record> {
    let cores = options.servers * options.slots;
    ensure!(cores > 0, "a fleet has servers, and they have slots");
    let trace = options.trace.trace(cores)?;
    if options.policy == Policy::Bound {
        return of_bound(&trace, options);
    }
    let outcome = simulate(&trace, options)?;
    let completions = times::completions(&outcome.times);
    let CoreTime { useful, thrown, of_servers, of_fleet } = outcome.at_last_arrival;
    let share = |part: Duration, of: Duration| part.as_secs_f64() / of.as_secs_f64();
    Ok(Record::default()
        .figure("mean_completion", times::mean(&completions).as_secs_f64() * 1e9)
        .figure("useful_share", share(useful, of_servers))
        .figure("useful_share_of_fleet", share(useful, of_fleet))
        .figure("thrown_share", share(thrown, thrown + useful))
        .figure("thrown_per_request", thrown.as_secs_f64() * 1e9 / outcome.times.len() as f64)
        .samples("completion", &completions)
        .samples("start", &times::starts(&outcome.times)))
}

fn simulate(trace: &[Request], options: &Options) -> Result<Outcome> {
    let &Options { policy, servers, slots, .. } = options;
    let delays =
        Delays { stop: Duration::from_micros(options.stop), answer: Duration::from_micros(options.answer) };
    let site = |server| -> Result<Box<dyn Site>> {
        Ok(match policy {
            Policy::Occamy | Policy::Bound => Box::new(Served::new(server, slots, delays)?),
            Policy::Pool => Box::new(Workers::new(slots, false)),
            Policy::Queue => Box::new(Workers::new(slots, true)),
        })
    };
    let floor = Floor::new(trace, Duration::from_micros(options.piece) / 2);
    World::new(floor, slots, (0..servers).map(site).collect::<Result<_>>()?, options.empty_first).run()
}

/// The bound as a run of its own.
fn of_bound(trace: &[Request], options: &Options) -> Result<Record> {
    let slots = u32::try_from(options.slots).context("the slots of a server")?;
    let cores = u32::try_from(options.servers * options.slots).context("the cores of the fleet")?;
    let bound = Bound::of(trace, cores, slots);
    Ok(Record::default()
        .figure("mean_completion", bound.mean_completion.as_secs_f64() * 1e9)
        .figure("useful_share", 1.0)
        .figure("useful_share_of_fleet", 1.0)
        .figure("thrown_share", 0.0)
        .samples("completion", &bound.alone))
}

#[cfg(test)]
mod tests;
