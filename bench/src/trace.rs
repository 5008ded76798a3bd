//! Traces: when requests arrive, and how much work each brings. Made from a seed, so that everybody has the same.
//!
//! Requests arrive by a Poisson process whose rate is modulated by a Markov chain of two states, calm and burst: the MMPP of
//! Fischer and Meier-Hellstern, “The Markov-modulated Poisson process (MMPP) cookbook”, Performance Evaluation 18 (1993).
//! Either state lasts an exponential time. In a burst requests come at a multiple of the calm rate.
//!
//! Work has a bounded Pareto distribution, as computing jobs do: Harchol-Balter, Crovella and Murta, “On choosing a task
//! assignment policy for a distributed server system”, Journal of Parallel and Distributed Computing 59 (1999). Most requests
//! are small, and a few bring much of all the work.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, ensure};
use rand_distr::{Distribution, Exp, Pareto};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::SeedableRng;

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Since the trace began.
    pub(crate) arrival: Duration,
    /// How long one core takes for it.
    pub(crate) work: Duration,
}

/// What a trace is made of.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Plan {
    /// Which of all traces
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long)]
    requests: usize,
    /// The work that comes in the long run, in relation to what the cores can do
    #[arg(long, default_value_t = 0.5)]
    load: f64,
    /// How many times more requests come in a burst than in calm
    #[arg(long, default_value_t = 8.0)]
    burst_rate: f64,
    /// The part of the time that is burst
    #[arg(long, default_value_t = 0.2)]
    burst_share: f64,
    /// From the beginning of one burst to the next on average, in milliseconds
    #[arg(long, default_value_t = 2_000)]
    cycle: u64,
    /// The mean work of a request, in milliseconds
    #[arg(long)]
    mean_work: u64,
}

/// The index of the Pareto distribution.
const INDEX: f64 = 1.5;
/// The greatest work in relation to the smallest.
const SPREAD: f64 = 100.0;

impl Plan {
    /// The trace, for a machine or a fleet with so many cores. Oldest first.
    pub(crate) fn trace(&self, cores: usize) -> anyhow::Result<Vec<Request>> {
        let &Self { requests, load, burst_rate, burst_share, .. } = self;
        ensure!(
            requests > 0 && self.cycle > 0 && self.mean_work > 0,
            "a trace needs requests, work and time"
        );
        ensure!(load > 0.0 && burst_rate > 0.0, "a load or rate of nothing never brings a request");
        ensure!(
            0.0 < burst_share && burst_share < 1.0,
            "a burst takes a part of the time: more than 0, less than 1"
        );

        let (mean_work, cycle) = (Duration::from_millis(self.mean_work), Duration::from_millis(self.cycle));
        let rate = load * cores as f64 / mean_work.as_secs_f64();
        let calm_rate = rate / (1.0 - burst_share + burst_share * burst_rate);
        let state = |rate: f64, share: f64| -> anyhow::Result<State> {
            let gap = Exp::new(rate).context("the rate of requests")?;
            let lasts = Exp::new(1.0 / (cycle.as_secs_f64() * share)).context("how long a state lasts")?;
            Ok(State { gap, lasts })
        };
        let states = [state(calm_rate, 1.0 - burst_share)?, state(calm_rate * burst_rate, burst_share)?];
        let smallest = mean_work.as_secs_f64() / mean_of_bounded_pareto();
        let pareto = Pareto::new(smallest, INDEX).context("the work of requests")?;

        let mut random = Pcg64::seed_from_u64(self.seed);
        let mut trace = Vec::with_capacity(requests);
        let (mut now, mut current) = (0.0, 0);
        let mut left = states[current].lasts.sample(&mut random);
        while trace.len() < requests {
            // An exponential time has no memory: in a new state the wait for the next request begins anew.
            let gap = states[current].gap.sample(&mut random);
            if gap > left {
                now += left;
                current = 1 - current;
                left = states[current].lasts.sample(&mut random);
                continue;
            }
            now += gap;
            left -= gap;
            let work =
                std::iter::repeat_with(|| pareto.sample(&mut random)).find(|&work| work <= smallest * SPREAD);
            trace.push(Request {
                arrival: Duration::from_secs_f64(now),
                work: Duration::from_secs_f64(work.context("no end of too much work")?),
            });
        }
        Ok(trace)
    }
}

/// Calm or burst.
struct State {
    gap: Exp<f64>,
    lasts: Exp<f64>,
}

/// In multiples of the smallest value.
fn mean_of_bounded_pareto() -> f64 {
    let cut = 1.0 - SPREAD.powf(-INDEX);
    INDEX / (INDEX - 1.0) * (1.0 - SPREAD.powf(1.0 - INDEX)) / cut
}

/// The trace as text, for a peer: a line a request, with arrival and work in nanoseconds.
pub(crate) fn text(trace: &[Request]) -> String {
    trace.iter().fold(String::new(), |mut text, Request { arrival, work }| {
        writeln!(text, "{} {}", arrival.as_nanos(), work.as_nanos()).expect("a string takes any text");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(requests: usize) -> Plan {
        Plan { seed: 1, requests, load: 0.5, burst_rate: 8.0, burst_share: 0.2, cycle: 2_000, mean_work: 40 }
    }

    #[test]
    fn a_seed_makes_one_trace_and_another_seed_another() {
        let trace = plan(100).trace(2).unwrap();
        assert_eq!(trace, plan(100).trace(2).unwrap());
        assert_ne!(trace, Plan { seed: 2, ..plan(100) }.trace(2).unwrap());
        assert!(trace.is_sorted_by_key(|request| request.arrival));
    }

    #[test]
    fn in_the_long_run_the_load_is_what_was_asked_for() {
        let trace = plan(200_000).trace(2).unwrap();
        let work: f64 = trace.iter().map(|request| request.work.as_secs_f64()).sum();
        let load = work / (2.0 * trace.last().unwrap().arrival.as_secs_f64());
        assert!((0.47..0.53).contains(&load), "{load}");
    }

    #[test]
    fn work_is_bounded_and_most_of_it_small() {
        let trace = plan(100_000).trace(2).unwrap();
        let smallest = 0.04 / mean_of_bounded_pareto();
        let all = trace.iter().map(|request| request.work.as_secs_f64());
        assert!(all.clone().all(|work| (smallest * 0.999..=smallest * SPREAD * 1.001).contains(&work)));
        let mean = all.clone().sum::<f64>() / 100_000.0;
        assert!((0.039..0.041).contains(&mean), "{mean}");
        assert!(all.filter(|&work| work < 0.04).count() > 70_000);
    }

    /// The counts of a Poisson process vary as much as their mean.
    #[test]
    fn requests_come_in_bursts() {
        let trace = plan(50_000).trace(2).unwrap();
        let mut counts = vec![0_u32; trace.last().unwrap().arrival.as_secs() as usize + 1];
        for request in &trace {
            counts[request.arrival.as_secs() as usize] += 1;
        }
        let mean = 50_000.0 / counts.len() as f64;
        let variance =
            counts.iter().map(|&count| (f64::from(count) - mean).powi(2)).sum::<f64>() / counts.len() as f64;
        assert!(variance > 5.0 * mean, "{variance} and {mean}");
    }

    #[test]
    fn a_peer_gets_a_line_a_request() {
        let request = |arrival, work| Request {
            arrival: Duration::from_nanos(arrival),
            work: Duration::from_micros(work),
        };
        assert_eq!(text(&[request(5, 1), request(70, 2)]), "5 1000\n70 2000\n");
    }

    #[test]
    fn a_plan_that_makes_no_sense_is_an_error() {
        assert!(plan(0).trace(2).is_err());
        assert!(Plan { load: 0.0, ..plan(1) }.trace(2).is_err());
        assert!(Plan { burst_share: 1.0, ..plan(1) }.trace(2).is_err());
    }
}
