//! Families: a root and all that grew from it, ordered by how much they have and whom to ask next.

#[cfg(feature = "sim")]
mod check;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use crate::scheduler::TaskKey;
use crate::scheduler::clock::{Clock, Timer};
use crate::scheduler::share::{self, Share};
use crate::scheduler::task::Start;

/// Between two asks to one family. Shorter would only burn a core on a family that answers at once.
const ASK_INTERVAL: Duration = Duration::from_millis(1);

/// All families, each named by its root, whether that still exists or not.
#[derive(Clone, Debug, Default)]
pub(super) struct Families {
    families: BTreeMap<TaskKey, Family>,
    internal: Class,
    external: Class,
}

/// The orders of the families of one class, external or internal.
#[derive(Clone, Debug, Default)]
struct Class {
    /// Those with something to evict, by share; then the one whose youngest is younger.
    crowded: BTreeSet<(Share, Start, TaskKey)>,
    /// Those that can be asked now, by share; then the older.
    willing: BTreeSet<(Share, TaskKey)>,
    /// Those with members that declined in this round.
    declining: BTreeSet<TaskKey>,
}

#[derive(Clone, Debug)]
struct Family {
    external: bool,
    weight: NonZeroU32,
    /// Tasks that exist, wherever they are. The family ends with the last.
    tasks: usize,
    /// The running ones, oldest first. A stopping task is no longer among them.
    members: BTreeMap<Start, TaskKey>,
    /// Those of them that have neither declined in this round nor owe an answer.
    askable: BTreeSet<Start>,
    /// Those of them that answered short in this round: that is, since the last period or call for expansion.
    declined: BTreeSet<Start>,
    /// How many members can be evicted: all but a protected root.
    load: usize,
    /// The member whose answer is awaited, and has slots reserved for it.
    asked: Option<TaskKey>,
    /// Not to be asked before.
    rested_at: Duration,
}

/// Which families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kin {
    Internal,
    External,
}

impl Families {
    /// Counts a root in, which has not started yet.
    pub(super) fn found(&mut self, root: TaskKey, kin: Kin, weight: NonZeroU32) {
        let family = Family {
            external: kin == Kin::External,
            weight,
            tasks: 1,
            members: BTreeMap::new(),
            askable: BTreeSet::new(),
            declined: BTreeSet::new(),
            load: 0,
            asked: None,
            rested_at: Duration::ZERO,
        };
        self.families.insert(root, family);
    }

    /// Counts an assistant in.
    pub(super) fn grow(&mut self, root: TaskKey) {
        self.family(root).tasks += 1;
    }

    /// Counts a task out, which is no member any more.
    pub(super) fn shrink(&mut self, root: TaskKey) {
        let family = self.family(root);
        family.tasks -= 1;
        if family.tasks == 0 {
            self.families.remove(&root);
        }
    }

    /// A task of the family started.
    pub(super) fn join(
        &mut self,
        root: TaskKey,
        start: Start,
        task: TaskKey,
        evictable: bool,
        clock: &mut Clock,
    ) {
        self.update(root, clock, |family| {
            family.members.insert(start, task);
            family.askable.insert(start);
            family.load += usize::from(evictable);
        });
    }

    /// A member ended, or was told to stop. Its answer is no longer awaited.
    pub(super) fn leave(&mut self, root: TaskKey, start: Start, evictable: bool, clock: &mut Clock) {
        self.update(root, clock, |family| {
            let task = family.members.remove(&start).expect("a running task is a member of its family");
            family.askable.remove(&start);
            family.declined.remove(&start);
            family.load -= usize::from(evictable);
            family.asked.take_if(|asked| *asked == task);
        });
    }

    /// Notes that a member is asked. It is the one that [`next_to_ask`](Self::next_to_ask) named.
    pub(super) fn ask(&mut self, root: TaskKey, start: Start, task: TaskKey, clock: &mut Clock) {
        let rested_at = clock.after(ASK_INTERVAL);
        self.update(root, clock, |family| {
            family.asked = Some(task);
            family.rested_at = rested_at;
            family.askable.remove(&start);
        });
    }

    /// A member answered. Unless it created all that was asked of it, it has no more to give in this round.
    pub(super) fn answered(&mut self, root: TaskKey, start: Start, in_full: bool, clock: &mut Clock) {
        self.update(root, clock, |family| {
            let task = family.members[&start];
            family.asked.take_if(|asked| *asked == task);
            let ready = if in_full { &mut family.askable } else { &mut family.declined };
            ready.insert(start);
        });
    }

    /// The answer of a member is no longer awaited.
    pub(super) fn unasked(&mut self, root: TaskKey, start: Start, clock: &mut Clock) {
        self.answered(root, start, true, clock);
    }

    /// A member did not answer in time. It is not asked again before it does, and the others come next.
    pub(super) fn overdue(&mut self, root: TaskKey, clock: &mut Clock) {
        self.update(root, clock, |family| family.asked = None);
    }

    /// The time for which a family rests between two asks is over.
    pub(super) fn rested(&mut self, root: TaskKey, clock: &mut Clock) {
        if self.families.contains_key(&root) {
            self.update(root, clock, |_| {});
        }
    }

    /// Begins a round: whoever declined in the last may be asked again.
    pub(super) fn begin_round(&mut self, clock: &mut Clock) {
        for kin in [Kin::Internal, Kin::External] {
            // Each of these got here by an answer, so moving them back costs no more than the answers did.
            for root in std::mem::take(&mut self.class(kin).declining) {
                self.update(root, clock, |family| {
                    family.askable.extend(std::mem::take(&mut family.declined));
                });
            }
        }
    }

    /// Divides `spare` slots among the families that can be asked: roots, and at most how many each.
    pub(super) fn divide(&self, kin: Kin, spare: usize) -> Vec<(TaskKey, usize)> {
        let willing = &self.class_of(kin).willing;
        // Mostly nobody is to be asked, or whoever has just come: that needs no arithmetic.
        match willing.first() {
            None => return Vec::new(),
            Some(&(_, root)) if willing.len() == 1 => return vec![(root, spare)],
            Some(_) => {}
        }
        let parts = share::divide(spare, willing.iter().map(|&(share, _)| share));
        willing.iter().map(|&(_, root)| root).zip(parts).collect()
    }

    /// The poorest of the families that can be asked.
    pub(super) fn poorest(&self, kin: Kin) -> Option<(TaskKey, Share)> {
        self.class_of(kin).willing.first().map(|&(share, root)| (root, share))
    }

    pub(super) fn kin(&self, root: TaskKey) -> Kin {
        if self.families[&root].external { Kin::External } else { Kin::Internal }
    }

    /// The share of a family.
    pub(super) fn share(&self, root: TaskKey) -> Share {
        self.families[&root].share()
    }

    /// The task to evict, of the class given.
    pub(super) fn victim(&self, kin: Kin) -> Option<(TaskKey, Share)> {
        let &(share, start, root) = self.class_of(kin).crowded.last()?;
        Some((self.families[&root].members[&start], share))
    }

    /// The member to ask next: the oldest that has neither declined in this round nor still owes an answer.
    pub(super) fn next_to_ask(&self, root: TaskKey) -> Option<TaskKey> {
        let family = self.families.get(&root)?;
        family.askable.first().map(|start| family.members[start])
    }

    /// Changes a family, and its place in the orders.
    fn update(&mut self, root: TaskKey, clock: &mut Clock, change: impl FnOnce(&mut Family)) {
        let Self { families, internal, external } = self;
        let family = families.get_mut(&root).expect("a family lives as long as its tasks");
        let class = if family.external { external } else { internal };
        class.remove(root, family);
        change(family);
        class.insert(root, family, clock);
    }

    fn family(&mut self, root: TaskKey) -> &mut Family {
        self.families.get_mut(&root).expect("a family lives as long as its tasks")
    }

    fn class_of(&self, kin: Kin) -> &Class {
        match kin {
            Kin::Internal => &self.internal,
            Kin::External => &self.external,
        }
    }

    fn class(&mut self, kin: Kin) -> &mut Class {
        match kin {
            Kin::Internal => &mut self.internal,
            Kin::External => &mut self.external,
        }
    }
}

impl Class {
    fn remove(&mut self, root: TaskKey, family: &Family) {
        if let Some(start) = family.youngest_evictable() {
            self.crowded.remove(&(family.share(), start, root));
        }
        self.willing.remove(&(family.share(), root));
        self.declining.remove(&root);
    }

    fn insert(&mut self, root: TaskKey, family: &Family, clock: &mut Clock) {
        if let Some(start) = family.youngest_evictable() {
            self.crowded.insert((family.share(), start, root));
        }
        if !family.declined.is_empty() {
            self.declining.insert(root);
        }
        if family.askable.is_empty() || family.asked.is_some() {
            return;
        }
        if family.rested_at > clock.now() {
            clock.set(family.rested_at, Timer::Cooldown(root));
        } else {
            self.willing.insert((family.share(), root));
        }
    }
}

impl Family {
    fn share(&self) -> Share {
        Share { load: self.load, weight: self.weight }
    }

    /// The youngest member is evictable if any is: a protected root is always the oldest.
    fn youngest_evictable(&self) -> Option<Start> {
        if self.load == 0 { None } else { self.members.last_key_value().map(|(&start, _)| start) }
    }
}
