//! Deterministic simulation of the scheduler: a world of servers and a broker, driven by one seed, in which every step
//! is checked against a reference model and the rules of the scheduler.
//!
//! For the project's own tests: [`run`] plays one seed. The same seed gives the same run, so that a failure is
//! reproduced by its seed alone. See FoundationDB's and TigerBeetle's simulators for where this comes from.

mod broker;
mod checks;
mod coverage;
mod explore;
mod host;
mod model;
mod profile;
mod trace;
mod truth;
mod violation;
mod world;

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use coverage::{Coverage, Reached};
pub use explore::{Explored, Setup, explore};
use trace::Trace;
use violation::Violation;
use world::World;

/// What one seed reached.
#[derive(Clone, Debug)]
pub struct Report {
    /// The events that schedulers handled and that were checked.
    pub steps: u64,
    /// What was reached on the way.
    pub coverage: Coverage,
}

/// A rule that was broken.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed that shows it.
    pub seed: u64,
    /// The event after which it showed.
    pub step: u64,
    /// The rule.
    pub rule: &'static str,
    /// How it was broken.
    pub detail: String,
    /// The last events, with the actions that answered them.
    pub trace: Vec<String>,
}

/// Plays one seed for at least so many moves, and then to its end.
///
/// # Errors
///
/// The first rule that was broken.
pub fn run(seed: u64, moves: u64) -> Result<Report, Box<Failure>> {
    // Most seeds don't fail, so the text is only made when one is replayed.
    play(seed, moves, 0).or_else(|_| play(seed, moves, TRACED))
}

/// The seeds that failed once, with the fault that they showed: played before all others.
pub fn past_seeds() -> impl Iterator<Item = u64> {
    let lines = include_str!("seeds.txt").lines();
    lines.filter_map(|line| line.split('#').next()?.trim().parse().ok())
}

/// How many events a failure shows.
const TRACED: usize = 50;

fn play(seed: u64, moves: u64, traced: usize) -> Result<Report, Box<Failure>> {
    let fail = |step, violation: Violation, trace: Trace| {
        let Violation { rule, detail } = violation;
        Box::new(Failure { seed, step, rule, detail, trace: trace.into_lines() })
    };
    let mut world =
        World::new(seed, Trace::of(traced)).map_err(|violation| fail(0, violation, Trace::default()))?;
    let result = catch_unwind(AssertUnwindSafe(|| {
        (0..moves).try_for_each(|_| world.step())?;
        world.finish()
    }));
    let result = result.unwrap_or_else(|panic| Err(Violation::new("no panic", panic_message(&*panic))));
    match result {
        Ok(()) => Ok(Report { steps: world.steps, coverage: world.coverage }),
        Err(violation) => Err(fail(world.steps, violation, world.trace)),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message").to_owned()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.trace {
            writeln!(f, "{line}")?;
        }
        write!(f, "seed {}, step {}: {}: {}", self.seed, self.step, self.rule, self.detail)
    }
}

impl std::error::Error for Failure {}
