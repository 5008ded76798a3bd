//! `cargo xtask sim`: the deterministic simulation of the scheduler, by seed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Result, bail};
use occamy_core::sim::{self, Coverage, Failure};

/// Play the deterministic simulation of the scheduler, and check every step of it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many seeds, from 0 on. Those that failed in the past are played before.
    #[arg(long, default_value_t = Self::default().seeds)]
    seeds: u64,
    /// How many moves each seed makes.
    #[arg(long, default_value_t = Self::default().steps)]
    steps: u64,
    /// Replay this seed alone, and show what led to its failure.
    #[arg(long)]
    seed: Option<u64>,
    /// Play on after a failure, and tell in the end how many seeds broke which rule.
    #[arg(long)]
    keep_going: bool,
}

impl Default for Args {
    fn default() -> Self {
        Self { seeds: ENOUGH_SEEDS, steps: 5_000, seed: None, keep_going: false }
    }
}

/// So many seeds must reach everything there is to be reached.
const ENOUGH_SEEDS: u64 = 2_000;

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<()> {
    match args.seed {
        Some(seed) => replay(seed, args.steps),
        None => play(args),
    }
}

fn replay(seed: u64, steps: u64) -> Result<()> {
    match sim::run(seed, steps) {
        Ok(report) => {
            println!("seed {seed}: {} events, nothing broken", report.steps);
            print_coverage(&report.coverage);
            Ok(())
        }
        Err(failure) => bail!("{failure}"),
    }
}

fn play(args: &Args) -> Result<()> {
    let seeds: Vec<u64> = sim::past_seeds().chain(0..args.seeds).collect();
    let began = Instant::now();
    let played = play_all(&seeds, args);
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{} seeds, {} events checked in {seconds:.1} s: {:.0} a second on {} threads",
        played.seeds,
        played.events,
        played.events as f64 / seconds,
        threads()
    );
    print_coverage(&played.coverage);
    played.report_failures()?;
    let missing: Vec<_> = played.coverage.missing().map(sim::Reached::as_str).collect();
    if args.seeds >= ENOUGH_SEEDS && !missing.is_empty() {
        bail!("never reached: {}", missing.join(", "));
    }
    Ok(())
}

/// What came of some seeds.
#[derive(Default)]
struct Played {
    seeds: usize,
    events: u64,
    coverage: Coverage,
    failures: Vec<Failure>,
}

impl Played {
    fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.events += other.events;
        self.coverage.add(&other.coverage);
        self.failures.extend(other.failures);
    }

    fn report_failures(&self) -> Result<()> {
        let Some(first) = self.failures.iter().min_by_key(|failure| failure.seed) else { return Ok(()) };
        println!("{first}");
        let mut by_rule: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for failure in &self.failures {
            by_rule.entry(failure.rule).or_default().push(failure.seed);
        }
        for (rule, seeds) in by_rule {
            println!("{} seeds broke a rule: {rule}, as {:?}", seeds.len(), &seeds[..seeds.len().min(5)]);
        }
        bail!("seed {} failed; `cargo xtask sim --seed {0}` replays it", first.seed)
    }
}

/// Plays the seeds on all cores, until one fails.
fn play_all(seeds: &[u64], args: &Args) -> Played {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let play_some = || {
        let mut played = Played::default();
        while args.keep_going || !failed.load(Ordering::Relaxed) {
            let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            played.seeds += 1;
            match sim::run(seed, args.steps) {
                Ok(report) => {
                    played.events += report.steps;
                    played.coverage.add(&report.coverage);
                }
                Err(failure) => {
                    failed.store(true, Ordering::Relaxed);
                    played.failures.push(*failure);
                }
            }
        }
        played
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads()).map(|_| scope.spawn(play_some)).collect();
        let mut all = Played::default();
        for thread in threads {
            all.add(thread.join().expect("a panic in the scheduler is caught and reported as a failure"));
        }
        all
    })
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn print_coverage(coverage: &Coverage) {
    for (what, count) in coverage.iter() {
        println!("{count:>12}  {}", what.as_str());
    }
}
