//! Recounts what the indices claim, from the tasks themselves. For the simulation, after every step.

use std::collections::BTreeSet;

use super::slots::{Slot, Successor};
use super::task::{Origin, Place, Site};
use super::{Scheduler, SlotId, TaskKey};
use crate::SlotStatus;

macro_rules! ensure {
    ($holds:expr, $($what:tt)+) => {
        if !$holds {
            return Err(format!($($what)+));
        }
    };
}

impl Scheduler {
    /// Compares every index and count with a recount.
    ///
    /// # Errors
    ///
    /// The first that is wrong.
    pub fn check(&self) -> Result<(), String> {
        self.check_slots()?;
        self.check_queues()?;
        self.check_asks()?;
        self.families.check(self.tasks.iter().map(|(&key, task)| (key, task)), self.clock.now())
    }

    fn check_slots(&self) -> Result<(), String> {
        let mut by_status = [0_usize; 4];
        let mut wedged = 0;
        for (slot, state) in self.slots.iter() {
            let occupant = match state {
                Slot::Empty => continue,
                Slot::Running(task) | Slot::Wedged(task) | Slot::Evicting { victim: task, .. } => task,
            };
            let Some(task) = self.tasks.get(&occupant) else {
                return Err(format!("{slot:?} holds {occupant:?}, which is not known"));
            };
            let agrees = match (state, task.place) {
                (Slot::Running(_), Place::Running { slot: at, .. }) => at == slot,
                (Slot::Evicting { .. }, Place::Stopping { site, .. }) => site == Site::Slot(slot),
                (Slot::Wedged(_), Place::Wedged { site, .. }) => site == Site::Slot(slot),
                _ => false,
            };
            ensure!(agrees, "{slot:?} is {state:?}, but its task is {:?}", task.place);
            if let Slot::Evicting { successor: Some(Successor::Assistant(assistant)), .. } = state {
                let place = self.tasks.get(&assistant).map(|task| task.place);
                ensure!(
                    place == Some(Place::Held),
                    "{slot:?} is freed for {assistant:?}, which is {place:?}"
                );
            }
            match state {
                Slot::Wedged(_) => wedged += 1,
                _ => by_status[task.status as usize] += 1,
            }
        }
        for status in SlotStatus::ALL.into_iter().filter(|&status| status != SlotStatus::Empty) {
            let (counted, claimed) = (by_status[status as usize], self.slots.occupied_as(status));
            ensure!(counted == claimed, "{counted} slots are {status}, {claimed} are claimed to be");
        }
        ensure!(wedged == self.slots.wedged(), "{wedged} slots are wedged, not {}", self.slots.wedged());
        let stack: BTreeSet<SlotId> = self.slots.stack().iter().copied().collect();
        let empty: BTreeSet<SlotId> =
            self.slots.iter().filter(|&(_, state)| state == Slot::Empty).map(|(slot, _)| slot).collect();
        ensure!(
            stack == empty && stack.len() == self.slots.stack().len(),
            "the stack of empty slots is {stack:?}"
        );
        let places = self.tasks.values().filter(|task| {
            matches!(
                task.place,
                Place::Running { .. }
                    | Place::Stopping { site: Site::Slot(_), .. }
                    | Place::Wedged { site: Site::Slot(_), .. }
            )
        });
        ensure!(places.count() == self.slots.occupied() + wedged, "a task claims a slot that is not its own");
        Ok(())
    }

    fn check_queues(&self) -> Result<(), String> {
        let at = |wanted: fn(&Place) -> bool| -> BTreeSet<TaskKey> {
            self.tasks.iter().filter(|(_, task)| wanted(&task.place)).map(|(&key, _)| key).collect()
        };
        ensure!(at(|place| *place == Place::Waiting) == self.waiters, "the waiters are {:?}", self.waiters);
        let queued: BTreeSet<TaskKey> = self.offers.iter().collect();
        ensure!(at(|place| *place == Place::Queued) == queued, "the queued offers are {queued:?}");

        let (mut winding_down, mut wedged, mut held, mut bytes) = (0, 0, 0, 0);
        let mut stopping = BTreeSet::new();
        for (&key, task) in &self.tasks {
            match task.place {
                Place::Stopping { site: Site::Leftover, .. } => winding_down += 1,
                Place::Wedged { site: Site::Leftover, .. } => wedged += 1,
                Place::Stopping { site: Site::Slot(_), stop, .. } if task.status.is_unprotected() => {
                    stopping.insert((stop.deadline, key));
                }
                _ => {}
            }
            if let Origin::Offer { bytes: size, .. } = task.origin
                && !matches!(task.place, Place::Wedged { .. })
            {
                held += 1;
                bytes += size;
            }
        }
        ensure!(stopping == self.stopping, "the stopping victims are {:?}", self.stopping);
        ensure!(
            (winding_down, wedged) == (self.leftovers.winding_down, self.leftovers.wedged),
            "the leftovers are {:?}",
            self.leftovers
        );
        let usage = self.offers.usage();
        ensure!(
            (held, bytes) == (usage.held, usage.bytes),
            "{held} offers of {bytes} bytes are held, not {usage:?}"
        );
        Ok(())
    }

    fn check_asks(&self) -> Result<(), String> {
        let reserved: usize = self.tasks.values().filter_map(|task| task.ask).map(|ask| ask.reserved).sum();
        ensure!(reserved == self.reserved, "{reserved} slots are reserved, not {}", self.reserved);
        let asked = self.tasks.values().filter(|task| task.ask.is_some());
        for task in asked {
            ensure!(matches!(task.place, Place::Running { .. }), "a task is asked that is {:?}", task.place);
        }
        Ok(())
    }
}
