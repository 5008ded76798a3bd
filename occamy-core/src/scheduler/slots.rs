//! The slots, and how many are used for what.

use crate::SlotStatus;
use crate::scheduler::{SlotId, TaskKey};

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Slot {
    Empty,
    Running(TaskKey),
    /// The victim was told to stop. Whoever waits longest gets the slot, else the successor.
    Evicting {
        victim: TaskKey,
        successor: Option<Successor>,
    },
    /// The task was told to stop and did not end in time. Only its end frees the slot.
    Wedged(TaskKey),
}

/// For whom rebalancing frees a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Successor {
    /// For this assistant, which exists already.
    Assistant(TaskKey),
    /// For the first offer of the queue.
    Offer,
}

#[derive(Clone, Debug)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    /// The empty ones, as a stack: the slot that was used last has the warmest thread.
    empty: Vec<SlotId>,
    wedged: usize,
    protected: usize,
    internal: usize,
    external: usize,
}

impl Slots {
    pub(super) fn new(count: usize) -> Self {
        let ids = (0..count).map(|id| SlotId(u32::try_from(id).expect("the configuration bounds the slots")));
        Self {
            slots: vec![Slot::Empty; count],
            empty: ids.rev().collect(),
            wedged: 0,
            protected: 0,
            internal: 0,
            external: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn empty(&self) -> usize {
        self.empty.len()
    }

    pub(super) fn wedged(&self) -> usize {
        self.wedged
    }

    /// Slots whose task runs or is stopping with this status.
    pub(super) fn occupied_as(&self, status: SlotStatus) -> usize {
        match status {
            SlotStatus::Empty => self.empty.len(),
            SlotStatus::UnprotectedExternal => self.external,
            SlotStatus::UnprotectedInternal => self.internal,
            SlotStatus::Protected => self.protected,
        }
    }

    /// Slots whose task runs or is stopping.
    pub(super) fn occupied(&self) -> usize {
        self.protected + self.internal + self.external
    }

    pub(super) fn get(&self, slot: SlotId) -> Slot {
        self.slots[slot.0 as usize]
    }

    /// Takes an empty slot off the stack, to be given a task at once.
    pub(super) fn take_empty(&mut self) -> Option<SlotId> {
        self.empty.pop()
    }

    /// Puts a task in a slot that was taken or vacated.
    pub(super) fn occupy(&mut self, slot: SlotId, task: TaskKey, status: SlotStatus) {
        debug_assert_eq!(self.get(slot), Slot::Empty, "a slot's start follows its former occupant's end");
        self.set(slot, Slot::Running(task));
        *self.count(status) += 1;
    }

    /// Marks the occupant as stopping.
    pub(super) fn evict(&mut self, slot: SlotId, victim: TaskKey, successor: Option<Successor>) {
        debug_assert_eq!(self.get(slot), Slot::Running(victim), "only a running task is stopped");
        self.set(slot, Slot::Evicting { victim, successor });
    }

    /// Takes the occupant out of its slot, and tells for whom the slot was being freed. The slot is on no stack until it
    /// is [occupied](Self::occupy) again or [left empty](Self::leave_empty).
    pub(super) fn vacate(&mut self, slot: SlotId, status: SlotStatus) -> Option<Successor> {
        let successor = self.clear(slot);
        *self.count(status) -= 1;
        successor
    }

    /// Takes back for whom a slot is being freed.
    pub(super) fn take_successor(&mut self, slot: SlotId) -> Option<Successor> {
        match &mut self.slots[slot.0 as usize] {
            Slot::Evicting { successor, .. } => successor.take(),
            Slot::Empty | Slot::Running(_) | Slot::Wedged(_) => None,
        }
    }

    /// Marks the stopping occupant as one that did not end in time, and tells for whom the slot was being freed.
    pub(super) fn wedge(&mut self, slot: SlotId, task: TaskKey, status: SlotStatus) -> Option<Successor> {
        let successor = self.vacate(slot, status);
        self.set(slot, Slot::Wedged(task));
        self.wedged += 1;
        successor
    }

    /// Takes a wedged occupant out, as [`vacate`](Self::vacate) does with others.
    pub(super) fn unwedge(&mut self, slot: SlotId) {
        self.clear(slot);
        self.wedged -= 1;
    }

    /// Puts a vacated slot on the stack.
    pub(super) fn leave_empty(&mut self, slot: SlotId) {
        self.empty.push(slot);
    }

    fn clear(&mut self, slot: SlotId) -> Option<Successor> {
        match std::mem::replace(&mut self.slots[slot.0 as usize], Slot::Empty) {
            Slot::Evicting { successor, .. } => successor,
            Slot::Empty | Slot::Running(_) | Slot::Wedged(_) => None,
        }
    }

    fn set(&mut self, slot: SlotId, state: Slot) {
        self.slots[slot.0 as usize] = state;
    }

    fn count(&mut self, status: SlotStatus) -> &mut usize {
        match status {
            SlotStatus::UnprotectedExternal => &mut self.external,
            SlotStatus::UnprotectedInternal => &mut self.internal,
            SlotStatus::Protected => &mut self.protected,
            SlotStatus::Empty => unreachable!("a task never has the status of an empty slot"),
        }
    }

    #[cfg(feature = "sim")]
    pub(super) fn iter(&self) -> impl Iterator<Item = (SlotId, Slot)> + '_ {
        (0..).map(SlotId).zip(self.slots.iter().copied())
    }

    #[cfg(feature = "sim")]
    pub(super) fn stack(&self) -> &[SlotId] {
        &self.empty
    }
}
