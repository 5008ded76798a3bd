//! The assistants: tasks that compute without a pause, and look at their stop rarely or never.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use occamy_core::{Error, Task, TaskContext, TaskDetails};

use super::situation::Habit;
use super::witness::Witness;

/// Holds a slot and burns the CPU.
pub(super) struct Burner {
    pub(super) habit: Habit,
    pub(super) stretch: Stretch,
    pub(super) witness: Arc<Witness>,
}

impl Task for Burner {
    fn details(&self) -> TaskDetails {
        TaskDetails::default().group("burner")
    }

    fn run(&self, cx: &TaskContext) -> Result<(), Error> {
        self.witness.begin();
        while !self.witness.is_released() {
            self.stretch.compute();
            if self.habit == Habit::Looks {
                cx.check()?;
            }
        }
        Ok(())
    }
}

/// An amount of computing: so that it takes longer on a core that is shared, as real work does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    steps: u64,
}

impl Stretch {
    /// What takes so long on a core that is not shared, as is measured here and now.
    pub(super) fn lasting(time: Duration) -> Self {
        const TRIAL: Stretch = Stretch { steps: 1 << 20 };
        // The shortest of several trials is the one that was disturbed least.
        let trials = (0..16).map(|_| {
            let start = Instant::now();
            TRIAL.compute();
            start.elapsed()
        });
        TRIAL.scaled(trials.min().unwrap_or_default(), time)
    }

    /// What lasts for `wanted`, if this lasts for `took`. At least one step.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the steps are few enough, and casts saturate"
    )]
    fn scaled(self, took: Duration, wanted: Duration) -> Self {
        let times = wanted.as_secs_f64() / took.as_secs_f64().max(1e-9);
        Self { steps: ((self.steps as f64 * times) as u64).max(1) }
    }

    fn compute(self) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_is_scaled_by_what_a_trial_took() {
        let (trial, ms) = (Stretch { steps: 1000 }, Duration::from_millis);
        assert_eq!(trial.scaled(ms(2), ms(20)), Stretch { steps: 10_000 });
        assert_eq!(trial.scaled(ms(20), ms(2)), Stretch { steps: 100 });
        assert_eq!(trial.scaled(ms(5000), Duration::from_nanos(1)), Stretch { steps: 1 }, "never nothing");
        assert!(trial.scaled(Duration::ZERO, ms(1)).steps > 1000, "a trial too short to be measured");
    }
}
