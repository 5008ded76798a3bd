//! The machine, and what else goes on on it.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use anyhow::Result;
use procfs::Current;
use serde::Serialize;

/// What the figures were measured on. It tells noise by a fixed amount of work on every core.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Machine {
    pub(super) cores: usize,
    /// How many wanted to run in the minute before the first benchmark.
    pub(super) load_before: f32,
    /// The shortest time that the work took, in seconds.
    quickest_spin: f64,
}

/// A run is disturbed if the work just before it took so many times its shortest time.
const DISTURBED: f64 = 1.25;
/// Some milliseconds of work.
const STEPS: u32 = 8_000_000;

impl Machine {
    pub(super) fn look() -> Result<Self> {
        let cores = thread::available_parallelism()?.get();
        Ok(Self { cores, load_before: procfs::LoadAverage::current()?.one, quickest_spin: f64::INFINITY })
    }

    /// Works on all cores at once, and says how long that took in seconds.
    pub(super) fn spin(&mut self) -> f64 {
        let start = Instant::now();
        thread::scope(|scope| {
            for _ in 0..self.cores {
                scope.spawn(work);
            }
        });
        let took = start.elapsed().as_secs_f64();
        self.quickest_spin = self.quickest_spin.min(took);
        took
    }

    pub(super) fn was_disturbed(&self, spin: f64) -> bool {
        spin > self.quickest_spin * DISTURBED
    }
}

fn work() {
    let mut state = black_box(1_u64);
    for _ in 0..STEPS {
        // Xorshift: each step needs the one before. Hidden from the compiler, which in a development build is lenient anyway.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    black_box(state);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_disturbed_in_relation_to_the_quickest_of_all() {
        let machine = Machine { cores: 1, load_before: 0.0, quickest_spin: 2.0 };
        assert!(!machine.was_disturbed(2.0));
        assert!(!machine.was_disturbed(2.4));
        assert!(machine.was_disturbed(2.6));
    }
}
