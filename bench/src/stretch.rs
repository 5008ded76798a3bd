//! Computing: amounts of it, and how fast this machine is at it.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// An amount of computing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub(crate) steps: u64,
}

impl Stretch {
    /// What takes so long on a core that is not shared.
    pub(crate) fn lasting(time: Duration) -> Self {
        // The shortest of several trials is the one that was disturbed least.
        let trials = (0..16).map(|_| {
            let start = Instant::now();
            TRIAL.compute();
            start.elapsed()
        });
        let shortest = trials.min().unwrap_or_default().max(Duration::from_nanos(1));
        Self::at(TRIAL.steps as f64 / shortest.as_secs_f64(), time)
    }

    /// What takes so long at so many steps a second. At least one step.
    pub(crate) fn at(speed: f64, time: Duration) -> Self {
        Self { steps: ((speed * time.as_secs_f64()).round() as u64).max(1) }
    }

    pub(crate) fn compute(self) {
        let mut state = black_box(1_u64);
        for _ in 0..self.steps {
            // Each step needs the one before (xorshift), so that none can be left out or done side by side.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
        }
        black_box(state);
    }
}

const TRIAL: Stretch = Stretch { steps: 1 << 16 };

/// How many steps each of so many cores does in a second, all of them busy at once for so long. What others take of the
/// cores meanwhile does not count.
pub(crate) fn speed_of_each(cores: usize, time: Duration) -> f64 {
    let end = Instant::now() + time;
    let done: Vec<(u64, Duration)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(move || compute_until(end))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let steps: u64 = done.iter().map(|(steps, _)| steps).sum();
    let took: Duration = done.iter().map(|(_, took)| took).sum();
    steps as f64 / took.as_secs_f64()
}

/// How many steps this thread has done by then, and how long it was on a core for them.
fn compute_until(end: Instant) -> (u64, Duration) {
    let (mut steps, before) = (0, on_core(ClockId::ThreadCPUTime));
    while Instant::now() < end {
        TRIAL.compute();
        steps += TRIAL.steps;
    }
    (steps, on_core(ClockId::ThreadCPUTime).saturating_sub(before))
}

/// How long this thread, or process, has been on cores.
pub(crate) fn on_core(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}
