//! What happens when time passes: everything that is due, in order of time.

use std::time::Duration;

use super::Turn;
use crate::scheduler::StopReason;
use crate::sim::coverage::Reached;
use crate::sim::truth::{ASK_INTERVAL, Kind, Rebalancing, Truth};
use crate::sim::violation::Violation;

/// Something that is due at some time, in the order in which it happens if several are due at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    Grace,
    Kill(u64),
    MaxRun(u64),
    Ask(u64),
    Tick,
}

impl Truth {
    /// Every timer that is running, but those that wake a family which was asked a moment ago.
    pub(crate) fn timers(&self) -> impl Iterator<Item = (Duration, Timer)> {
        let kill_timeout = self.config.kill_timeout;
        let of_tasks = self.tasks.iter().flat_map(move |task| {
            let kill = task.stop.filter(|_| task.is_active() && !task.wedged);
            let ask = task.ask.filter(|ask| !ask.expired);
            let max_run = match task.kind {
                Kind::Request { max_run, .. } if task.is_running() => max_run,
                _ => None,
            };
            [
                kill.map(|stop| (stop.at.saturating_add(kill_timeout), Timer::Kill(task.key))),
                ask.map(|ask| (ask.at.saturating_add(kill_timeout), Timer::Ask(task.key))),
                max_run.map(|max_run| (task.started.saturating_add(max_run), Timer::MaxRun(task.key))),
            ]
        });
        let tick = self.next_tick.map(|at| (at, Timer::Tick));
        let grace = self.grace_ends.filter(|_| !self.grace_over && !self.closed).map(|at| (at, Timer::Grace));
        of_tasks.flatten().chain(tick).chain(grace)
    }
}

impl Turn<'_> {
    pub(super) fn time_passed(&mut self) -> Result<(), Violation> {
        let now = self.truth.now;
        while let Some((_, timer)) = self.truth.timers().filter(|&(at, _)| at <= now).min() {
            match timer {
                Timer::Kill(key) => self.wedge(key)?,
                Timer::Ask(key) => self.ask_expires(key),
                Timer::MaxRun(key) => {
                    self.coverage.reach(Reached::Overran);
                    self.stop(key, StopReason::Overran, "max_run")?;
                }
                Timer::Grace => self.end_grace()?,
                Timer::Tick => self.tick(),
            }
        }
        self.truth.recent_asks.retain(|&asked| asked + ASK_INTERVAL > now);
        for root in self.truth.roots() {
            self.truth.touch(root);
        }
        Ok(())
    }

    fn tick(&mut self) {
        let period = self.truth.config.expansion_period.expect("only a period ticks");
        self.truth.next_tick = Some(self.truth.now.saturating_add(period));
        self.round();
        if self.truth.rebalancing == Rebalancing::No {
            self.truth.rebalancing = Rebalancing::Due;
        }
    }

    /// A task has not answered in time. It is asked nothing more before it does, but the others are.
    fn ask_expires(&mut self, key: u64) {
        self.coverage.reach(Reached::AskExpired);
        let task = self.truth.task_mut(key).expect("only a known task was asked");
        task.ask.as_mut().expect("its ask was running out").expired = true;
        self.rebalance_without(key);
    }
}
