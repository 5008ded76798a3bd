//! `cargo xtask explore`: every interleaving of a few messages on a few slots, exhaustively.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Result, bail};
use occamy_core::sim::{self, Explored, Failure, Setup};

/// Explore every interleaving of a few messages on a few slots, and check every step of it.
#[derive(Default, clap::Args)]
pub(crate) struct Args {}

/// Runs the command.
pub(crate) fn run(_args: &Args) -> Result<()> {
    let setups = Setup::all();
    let began = Instant::now();
    let next = AtomicUsize::new(0);
    let explore_some = || -> Result<Explored, Box<Failure>> {
        let mut all = Explored::default();
        while let Some(setup) = setups.get(next.fetch_add(1, Ordering::Relaxed)) {
            let began = Instant::now();
            let explored = sim::explore(setup)?;
            let seconds = began.elapsed().as_secs_f64();
            println!("{:>9} states {:>10} steps {seconds:>6.1} s  {setup}", explored.states, explored.steps);
            all.add(&explored);
        }
        Ok(all)
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let explored = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(explore_some)).collect();
        let explored =
            threads.into_iter().map(|thread| thread.join().expect("a panic is caught and reported"));
        explored.collect::<Result<Vec<_>, _>>()
    });
    let explored = match explored {
        Ok(explored) => explored,
        Err(failure) => bail!("{failure}"),
    };
    let mut all = Explored::default();
    explored.iter().for_each(|some| all.add(some));
    let seconds = began.elapsed().as_secs_f64();
    print_coverage(&all);
    println!("{} states and {} steps between them checked in {seconds:.1} s", all.states, all.steps);
    Ok(())
}

/// What was reached, and what only the simulation reaches: it has more slots, a broker and an unsteady clock.
fn print_coverage(all: &Explored) {
    let reached = all.coverage.iter().filter(|&(_, count)| count > 0);
    for (what, count) in reached {
        println!("{count:>12}  {}", what.as_str());
    }
    let missing: Vec<_> = all.coverage.missing().map(sim::Reached::as_str).collect();
    println!("left to the simulation: {}", missing.join(", "));
}
