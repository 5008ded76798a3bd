//! The threads of the slots, as the desk sees them: where to send the next task.

use occamy_core::scheduler::SlotId;

use crate::desk::{Job, Run};
use crate::sync::mpsc;

/// Names a thread of a slot. A slot gets a new one when a leftover takes the old one with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LaneId {
    pub(crate) slot: SlotId,
    generation: u64,
}

/// A thread to be started, which takes tasks from here until there is nobody left to send any.
pub(crate) struct Lane {
    pub(crate) id: LaneId,
    pub(crate) tasks: mpsc::Receiver<Run>,
}

pub(super) struct Lanes {
    lanes: Vec<Option<(u64, mpsc::Sender<Run>)>>,
    generation: u64,
}

impl Lanes {
    pub(super) fn new(slots: usize) -> Self {
        Self { lanes: (0..slots).map(|_| None).collect(), generation: 0 }
    }

    /// How to get a task running in its slot, seen from a thread that may be the slot's own.
    pub(super) fn dispatch(&mut self, slot: SlotId, here: Option<LaneId>, run: Run) -> Job {
        match &self.lanes[slot.0 as usize] {
            Some((generation, _)) if here == Some(LaneId { slot, generation: *generation }) => {
                Job::RunHere(run)
            }
            Some((_, sender)) => Job::Send(sender.clone(), run),
            None => {
                self.generation += 1;
                let (sender, tasks) = mpsc::channel();
                self.lanes[slot.0 as usize] = Some((self.generation, sender));
                Job::Spawn(Lane { id: LaneId { slot, generation: self.generation }, tasks }, run)
            }
        }
    }

    /// The slot's thread stays with the task that runs on it, and ends with it.
    pub(super) fn detach(&mut self, slot: SlotId) {
        self.lanes[slot.0 as usize] = None;
    }

    /// The thread could not be started: the next task may have better luck.
    pub(super) fn abandon(&mut self, lane: LaneId) {
        let current = &mut self.lanes[lane.slot.0 as usize];
        current.take_if(|(generation, _)| *generation == lane.generation);
    }

    /// Lets every thread end that waits.
    pub(super) fn close(&mut self) {
        self.lanes.fill_with(|| None);
    }
}
