//! Exhaustive exploration: every interleaving of a few messages on a few slots, each step checked as in the simulation.
//!
//! Where the simulation reaches far and at random, this reaches everything nearby: depth first, over states that are
//! the same but for names and absolute time. Time only ever moves to the next deadline.

mod print;
mod setup;
mod steps;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::coverage::Coverage;
use super::host::Bench;
use super::trace::Trace;
use super::violation::Violation;
use super::{Failure, panic_message};
pub use setup::Setup;
use steps::{Budget, Step};

/// What an exploration found, none of which broke a rule.
#[derive(Clone, Debug, Default)]
pub struct Explored {
    /// Different states.
    pub states: u64,
    /// Steps from one state to another, or back to the same.
    pub steps: u64,
    /// What was reached on the way.
    pub coverage: Coverage,
}

impl Explored {
    /// Adds what another exploration found.
    pub fn add(&mut self, other: &Self) {
        self.states += other.states;
        self.steps += other.steps;
        self.coverage.add(&other.coverage);
    }
}

/// Explores everything that can happen in a setup.
///
/// # Errors
///
/// The first rule that was broken, with the events that led there. Its seed means nothing.
pub fn explore(setup: &Setup) -> Result<Explored, Box<Failure>> {
    let mut search = Search { setup, seen: HashSet::new(), paths: Vec::new(), found: Explored::default() };
    search.run().map_err(|(violation, path)| search.failure(violation, &path))?;
    Ok(search.found)
}

struct Search<'a> {
    setup: &'a Setup,
    /// Hashes of the states: twice as many bits as would make a collision unlikely.
    seen: HashSet<u128>,
    /// How each state was reached first: from which, and by what.
    paths: Vec<(usize, Step)>,
    found: Explored,
}

/// A state that is still to be left in every possible way.
struct Open {
    state: State,
    /// Its place among the paths.
    at: usize,
}

/// One server, and what may still happen to it.
#[derive(Clone)]
struct State {
    bench: Bench,
    budget: Budget,
}

impl Search<'_> {
    fn run(&mut self) -> Result<(), (Violation, Vec<Step>)> {
        let bench = Bench::new(self.setup.config()).map_err(|violation| (violation, Vec::new()))?;
        let first = State { bench, budget: Budget::new(self.setup) };
        self.is_new(&first);
        self.paths.push((0, Step::Time));
        let mut open = vec![Open { state: first, at: 0 }];
        let mut actions = Vec::new();
        while let Some(Open { state, at }) = open.pop() {
            for step in state.steps(self.setup) {
                let mut next = state.clone();
                let coverage = &mut self.found.coverage;
                let result = catch_unwind(AssertUnwindSafe(|| next.take(step, &mut actions, coverage)));
                let result =
                    result.unwrap_or_else(|panic| Err(Violation::new("no panic", panic_message(&*panic))));
                if let Err(violation) = result {
                    let mut path = self.path(at);
                    path.push(step);
                    return Err((violation, path));
                }
                self.found.steps += 1;
                if self.is_new(&next) {
                    self.paths.push((at, step));
                    open.push(Open { state: next, at: self.paths.len() - 1 });
                }
            }
        }
        Ok(())
    }

    fn is_new(&mut self, state: &State) -> bool {
        let print = state.fingerprint();
        let hash = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            (salt, &print).hash(&mut hasher);
            u128::from(hasher.finish())
        };
        let new = self.seen.insert(hash(0) << 64 | hash(1));
        self.found.states += u64::from(new);
        new
    }

    /// The steps that led to a state.
    fn path(&self, mut at: usize) -> Vec<Step> {
        let mut path = Vec::new();
        while at > 0 {
            let (from, step) = self.paths[at];
            path.push(step);
            at = from;
        }
        path.reverse();
        path
    }

    /// Walks a path once more, and writes down what happens.
    fn failure(&self, violation: Violation, path: &[Step]) -> Box<Failure> {
        let mut trace = Trace::of(path.len() + 1);
        trace.note(|| format!("{:?}", self.setup));
        if let Ok(bench) = Bench::new(self.setup.config()) {
            let mut state = State { bench, budget: Budget::new(self.setup) };
            let (mut actions, mut coverage) = (Vec::new(), Coverage::default());
            for (number, &step) in (1..).zip(path) {
                // The last step fails once more, perhaps by a panic.
                let event = state.clone().event(step);
                let _ = catch_unwind(AssertUnwindSafe(|| state.take(step, &mut actions, &mut coverage)));
                trace.event(number, 0, state.bench.truth.now, &event, &actions);
            }
        }
        let Violation { rule, detail } = violation;
        let trace = trace.into_lines();
        Box::new(Failure { seed: 0, step: path.len() as u64, rule, detail, trace })
    }
}
