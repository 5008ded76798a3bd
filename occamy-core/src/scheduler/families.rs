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
    /// Counts periods and calls for expansion. A member that declined is asked again in the next round.
    round: u64,
}

/// The orders of the families of one class, external or internal.
#[derive(Clone, Debug, Default)]
struct Class {
    /// Those with something to evict, by share; then the one whose youngest is younger.
    crowded: BTreeSet<(Share, Start, TaskKey)>,
    /// Those that can be asked now, by share; then the older.
    willing: BTreeSet<(Share, TaskKey)>,
    /// Those whose members have all declined in this round.
    sated: BTreeSet<TaskKey>,
}

#[derive(Clone, Debug)]
struct Family {
    external: bool,
    weight: NonZeroU32,
    /// Tasks that exist, wherever they are. The family ends with the last.
    tasks: usize,
    /// The running ones, oldest first. A stopping task is no longer among them.
    members: BTreeMap<Start, Member>,
    /// How many members can be evicted: all but a protected root.
    load: usize,
    /// The member whose answer is awaited, and has slots reserved for it.
    asked: Option<TaskKey>,
    /// Not to be asked before.
    rested_at: Duration,
    /// Everyone up to here has declined in this round.
    declined: Option<(u64, Start)>,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    task: TaskKey,
    /// Was asked, and has not answered, however long ago.
    asked: bool,
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
            load: 0,
            asked: None,
            rested_at: Duration::ZERO,
            declined: None,
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
        self.update(root, clock, |family, _| {
            family.members.insert(start, Member { task, asked: false });
            family.load += usize::from(evictable);
        });
    }

    /// A member ended, or was told to stop. Its answer is no longer awaited.
    pub(super) fn leave(&mut self, root: TaskKey, start: Start, evictable: bool, clock: &mut Clock) {
        self.update(root, clock, |family, _| {
            let member = family.members.remove(&start).expect("a running task is a member of its family");
            family.load -= usize::from(evictable);
            family.asked.take_if(|asked| *asked == member.task);
        });
    }

    /// Notes that a member is asked. It is the one that [`next_to_ask`](Self::next_to_ask) named.
    pub(super) fn ask(&mut self, root: TaskKey, start: Start, task: TaskKey, clock: &mut Clock) {
        let rested_at = clock.after(ASK_INTERVAL);
        self.update(root, clock, |family, _| {
            family.asked = Some(task);
            family.rested_at = rested_at;
            family.member(start).asked = true;
        });
    }

    /// A member answered. Unless it created all that was asked of it, it has no more to give in this round.
    pub(super) fn answered(&mut self, root: TaskKey, start: Start, in_full: bool, clock: &mut Clock) {
        self.update(root, clock, |family, round| {
            let member = family.member(start);
            member.asked = false;
            let task = member.task;
            family.asked.take_if(|asked| *asked == task);
            if !in_full {
                family.decline(round, start);
            }
        });
    }

    /// A member did not answer in time. It stays asked, and the others come next.
    pub(super) fn overdue(&mut self, root: TaskKey, start: Start, clock: &mut Clock) {
        self.update(root, clock, |family, round| {
            family.asked = None;
            family.decline(round, start);
        });
    }

    /// The time for which a family rests between two asks is over.
    pub(super) fn rested(&mut self, root: TaskKey, clock: &mut Clock) {
        if self.families.contains_key(&root) {
            self.update(root, clock, |_, _| {});
        }
    }

    /// Begins a round: whoever declined in the last may be asked again.
    pub(super) fn begin_round(&mut self, clock: &mut Clock) {
        self.round += 1;
        for kin in [Kin::Internal, Kin::External] {
            // Each of these got here by an answer, so moving them back costs no more than the answers did.
            for root in std::mem::take(&mut self.class(kin).sated) {
                self.update(root, clock, |_, _| {});
            }
        }
    }

    /// Divides `spare` slots among the families that can be asked: roots, and at most how many each.
    pub(super) fn divide(&self, kin: Kin, spare: usize) -> Vec<(TaskKey, usize)> {
        let willing = &self.class_of(kin).willing;
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
        Some((self.families[&root].members[&start].task, share))
    }

    /// The member to ask next: the oldest that has neither declined in this round nor still owes an answer.
    pub(super) fn next_to_ask(&self, root: TaskKey) -> Option<TaskKey> {
        self.families.get(&root)?.next_to_ask(self.round)
    }

    /// Changes a family, and its place in the orders.
    fn update(&mut self, root: TaskKey, clock: &mut Clock, change: impl FnOnce(&mut Family, u64)) {
        let Self { families, internal, external, round } = self;
        let family = families.get_mut(&root).expect("a family lives as long as its tasks");
        let class = if family.external { external } else { internal };
        class.remove(root, family);
        change(family, *round);
        class.insert(root, family, *round, clock);
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
        self.sated.remove(&root);
    }

    fn insert(&mut self, root: TaskKey, family: &Family, round: u64, clock: &mut Clock) {
        if let Some(start) = family.youngest_evictable() {
            self.crowded.insert((family.share(), start, root));
        }
        if family.members.is_empty() || family.asked.is_some() {
            return;
        }
        if family.next_to_ask(round).is_none() {
            self.sated.insert(root);
        } else if family.rested_at > clock.now() {
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

    fn next_to_ask(&self, round: u64) -> Option<TaskKey> {
        use std::ops::Bound::{Excluded, Unbounded};
        let after = match self.declined {
            Some((declined_in, start)) if declined_in == round => Excluded(start),
            _ => Unbounded,
        };
        // Members that still owe an answer are few: one for each kill timeout that passed.
        self.members
            .range((after, Unbounded))
            .find(|(_, member)| !member.asked)
            .map(|(_, member)| member.task)
    }

    fn decline(&mut self, round: u64, start: Start) {
        let up_to = match self.declined {
            Some((declined_in, declined)) if declined_in == round => declined.max(start),
            _ => start,
        };
        self.declined = Some((round, up_to));
    }

    fn member(&mut self, start: Start) -> &mut Member {
        self.members.get_mut(&start).expect("a running task is a member of its family")
    }
}
