//! The last events of a simulation with the actions that answered them, as text.

use std::collections::VecDeque;
use std::time::Duration;

use crate::Observation;
use crate::scheduler::{Action, Event};

/// Keeps the last lines, or nothing at all: text is only made when a failure is replayed.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    lines: VecDeque<String>,
    keep: usize,
}

impl Trace {
    /// A trace of the last so many events.
    pub(crate) const fn of(keep: usize) -> Self {
        Self { lines: VecDeque::new(), keep }
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if self.keep > 0 {
            if self.lines.len() == self.keep {
                self.lines.pop_front();
            }
            self.lines.push_back(line());
        }
    }

    pub(crate) fn event(&mut self, step: u64, server: u64, now: Duration, event: &Event, actions: &[Action]) {
        self.note(|| {
            let mut line = format!("step {step}, server {server}, {now:?}: {event:?}");
            let telling = |action: &&Action| match action {
                // These repeat what the actions say.
                Action::Observe(observation) => !matches!(
                    observation,
                    Observation::Started { .. } | Observation::Stopping { .. } | Observation::Offers { .. }
                ),
                _ => true,
            };
            for action in actions.iter().filter(telling) {
                line.push_str(&format!("\n    {action:?}"));
            }
            line
        });
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.into()
    }
}
