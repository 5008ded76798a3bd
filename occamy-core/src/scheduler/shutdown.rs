//! Draining and shutting down.

use std::time::Duration;

use super::clock::Timer;
use super::families::Kin;
use super::rebalancing::Rebalancing;
use super::task::Place;
use super::{DropReason, Scheduler, StopReason, TaskKey};
use crate::{OfferEnd, SlotStatus, Verdict};

/// Where the server stands between its start and its end. It only moves down this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    Open,
    /// Nothing new is taken; all that runs goes on.
    Draining,
    /// Protected tasks run on until this time. All others were told to stop.
    Grace {
        until: Duration,
    },
    /// All tasks were told to stop.
    Stopping,
    /// Nothing runs but what did not stop in time.
    Closed,
}

impl Phase {
    pub(super) fn is_shutting_down(self) -> bool {
        matches!(self, Self::Grace { .. } | Self::Stopping | Self::Closed)
    }
}

impl Scheduler {
    pub(super) fn drain(&mut self) {
        if self.phase == Phase::Open {
            self.phase = Phase::Draining;
        }
    }

    pub(super) fn shut_down(&mut self, grace: Duration) {
        let until = self.clock.after(grace);
        match self.phase {
            Phase::Open | Phase::Draining => self.begin_shutdown(),
            Phase::Grace { until: earlier } if until < earlier => self.clock.cancel(earlier, Timer::Grace),
            Phase::Grace { .. } | Phase::Stopping | Phase::Closed => return,
        }
        self.phase = Phase::Grace { until };
        if grace.is_zero() {
            self.grace_over();
        } else {
            self.clock.set(until, Timer::Grace);
        }
    }

    fn begin_shutdown(&mut self) {
        self.forget_asks();
        if let Rebalancing::Freeing(slot) = self.rebalancing {
            let successor = self.slots.take_successor(slot);
            self.disappoint(successor);
        }
        self.rebalancing = Rebalancing::Idle;
        while let Some(waiter) = self.waiters.pop_first() {
            self.hand_back(waiter, Verdict::Interrupted, DropReason::Draining);
        }
        while let Some(offer) = self.offers.pop() {
            self.drop_offer(offer, OfferEnd::Draining);
        }
        for kin in [Kin::External, Kin::Internal] {
            while let Some((unprotected, _)) = self.families.victim(kin) {
                self.stop(unprotected, StopReason::ShutDown, None);
            }
        }
        // From here on only ends matter.
        self.clock.retain(|timer| matches!(timer, Timer::Kill(_) | Timer::MaxRun(_)));
    }

    /// Protected tasks have had their time.
    pub(super) fn grace_over(&mut self) {
        self.phase = Phase::Stopping;
        let running = |task: &super::Task| matches!(task.place, Place::Running { .. });
        let protected: Vec<TaskKey> =
            self.tasks.iter().filter(|(_, task)| running(task)).map(|(&key, _)| key).collect();
        for task in protected {
            debug_assert_eq!(
                self.tasks[&task].status,
                SlotStatus::Protected,
                "all others were stopped before"
            );
            self.stop(task, StopReason::ShutDown, None);
        }
    }

    /// True if that was the last: everything has ended, or did not end in time.
    pub(super) fn close_if_done(&mut self) -> bool {
        let closing = matches!(self.phase, Phase::Grace { .. } | Phase::Stopping);
        let closes = closing && self.slots.occupied() == 0 && self.leftovers.winding_down == 0;
        if closes {
            self.phase = Phase::Closed;
            self.clock.retain(|_| false);
        }
        closes
    }
}
