//! A state as numbers, the same for states that differ only in names and in absolute time.

use std::time::Duration;

use super::State;
use crate::sim::truth::{Kind, Place, Rebalancing, Task, Truth};

impl State {
    /// What the scheduler holds, what is true, and what may still happen.
    ///
    /// What is true is determined by what the scheduler holds, or the scheduler would have forgotten something that
    /// matters. It is printed all the same: were the scheduler's own print too coarse, states would be taken for explored.
    pub(super) fn fingerprint(&self) -> Vec<u64> {
        let mut print = self.bench.scheduler.fingerprint();
        self.budget.print(&mut print);
        self.bench.truth.print(&mut print);
        print
    }
}

impl Truth {
    fn print(&self, print: &mut Vec<u64>) {
        let until = |at: Duration| at.saturating_sub(self.now).as_nanos() as u64;
        let phase = [self.draining, self.grace_over, self.closed].map(u64::from);
        print.extend(phase);
        let grace_ends = self.grace_ends.filter(|_| !self.grace_over && !self.closed);
        print.extend([grace_ends, self.next_tick].map(|at| at.map_or(u64::MAX, until)));
        let (state, named, held) = match self.rebalancing {
            Rebalancing::No => (0, None, None),
            Rebalancing::Due => (1, None, None),
            Rebalancing::Asking { member } => (2, Some(member), None),
            Rebalancing::Moving { victim, held } => (3, Some(victim), held),
        };
        print.extend([state, self.rank(named), self.rank(held)]);
        self.tasks.iter().for_each(|task| self.print_task(task, print));
        for family in &self.families {
            let resting = family.resting && !self.shutting_down();
            print.extend([u64::from(family.external), family.weight, u64::from(resting)]);
        }
    }

    fn print_task(&self, task: &Task, print: &mut Vec<u64>) {
        let ago = |at: Duration| (self.now - at).as_nanos() as u64;
        let (place, at) = match task.place {
            Place::Waiting => (0, ago(task.arrived)),
            Place::Queued => (1, 0),
            Place::Held => (2, 0),
            Place::Slot(slot) => (3, slot as u64),
            Place::Left => (4, 0),
        };
        let elder = |other: &&Task| other.is_running() && other.born < task.born;
        let born = if task.is_running() { self.tasks.iter().filter(elder).count() as u64 } else { 0 };
        let root =
            self.families.iter().position(|family| family.root == task.root).map_or(u64::MAX, |at| at as u64);
        print.extend([
            place,
            at,
            born,
            root,
            u64::from(task.declined && task.is_running()),
            u64::from(task.wedged),
        ]);
        if place == 0 {
            print.push(u64::from(task.wedges_seen));
        }
        let running_for = match task.kind {
            Kind::Request { max_run: Some(_), .. } if task.is_running() => ago(task.started),
            _ => 0,
        };
        let stopping = task.stop.filter(|_| !task.wedged).map_or(u64::MAX, |stop| ago(stop.at));
        let reason = task.stop.map_or(u64::MAX, |stop| stop.reason as u64);
        print.extend([running_for, stopping, reason]);
        if let Some(ask) = task.ask {
            let waiting = if ask.expired { u64::MAX } else { ago(ask.at) };
            print.extend([ask.limit as u64, u64::from(ask.to_rebalance), waiting]);
        }
    }

    fn rank(&self, key: Option<u64>) -> u64 {
        key.map_or(u64::MAX, |key| self.tasks.iter().filter(|task| task.key < key).count() as u64)
    }
}
