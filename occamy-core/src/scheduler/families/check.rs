//! Recounts families and their orders, and adds them to a fingerprint.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Class, Families, Family, Kin};
use crate::scheduler::TaskKey;
use crate::scheduler::fingerprint::Fingerprint;
use crate::scheduler::task::{Place, Task};

impl Families {
    /// Compares families and orders with what the tasks tell.
    pub(in crate::scheduler) fn check<'a>(
        &self,
        tasks: impl Iterator<Item = (TaskKey, &'a Task)>,
        now: Duration,
    ) -> Result<(), String> {
        let mut counted: BTreeMap<TaskKey, (usize, usize, usize)> = BTreeMap::new();
        for (key, task) in tasks {
            let (all, running, evictable) = counted.entry(task.family).or_default();
            *all += 1;
            if let Place::Running { start, .. } = task.place {
                *running += 1;
                *evictable += usize::from(task.status.is_unprotected());
                let Some(family) = self.families.get(&task.family) else { continue };
                let member = family.members.get(&start);
                if member != Some(&key) {
                    return Err(format!("{key:?} runs, but its family has {member:?} in its place"));
                }
                let may_be_asked = family.askable.contains(&start) || family.declined.contains(&start);
                if may_be_asked == task.ask.is_some() {
                    return Err(format!("{key:?} owes {:?}, which its family does not know", task.ask));
                }
            }
        }
        for (root, family) in &self.families {
            let claimed = (family.tasks, family.members.len(), family.load);
            let listed = family.askable.iter().chain(&family.declined);
            if !listed.clone().all(|start| family.members.contains_key(start))
                || !family.askable.is_disjoint(&family.declined)
            {
                return Err(format!(
                    "the family of {root:?} lists {:?} of its members",
                    listed.collect::<Vec<_>>()
                ));
            }
            if counted.get(root) != Some(&claimed) {
                return Err(format!(
                    "the family of {root:?} has {claimed:?}, counted {:?}",
                    counted.get(root)
                ));
            }
        }
        if counted.len() != self.families.len() {
            return Err("a task belongs to a family that is not known".to_owned());
        }
        self.check_orders(Kin::Internal, &self.internal, now)?;
        self.check_orders(Kin::External, &self.external, now)
    }

    fn check_orders(&self, kin: Kin, class: &Class, now: Duration) -> Result<(), String> {
        let (mut crowded, mut willing, mut declining) = (0, 0, 0);
        for (&root, family) in
            self.families.iter().filter(|(_, family)| family.external == (kin == Kin::External))
        {
            if let Some(start) = family.youngest_evictable() {
                crowded += 1;
                if !class.crowded.contains(&(family.share(), start, root)) {
                    return Err(format!("the family of {root:?} is missing from the crowded ones"));
                }
            }
            if !family.declined.is_empty() {
                declining += 1;
                if !class.declining.contains(&root) {
                    return Err(format!("the family of {root:?} is missing from the declining ones"));
                }
            }
            let is_willing = class.willing.contains(&(family.share(), root));
            let can_be_asked = !family.askable.is_empty() && family.asked.is_none();
            // One whose rest has just ended becomes willing when its timer is handled.
            let may_rest = family.rested_at > now || family.rested_at > Duration::ZERO && !is_willing;
            willing += usize::from(is_willing);
            if is_willing != (can_be_asked && !may_rest) {
                return Err(format!(
                    "the family of {root:?} can be asked: {can_be_asked}, willing: {is_willing}"
                ));
            }
        }
        if (crowded, willing, declining) != (class.crowded.len(), class.willing.len(), class.declining.len())
        {
            return Err(format!("an order of the {kin:?} families lists one that does not belong there"));
        }
        Ok(())
    }

    /// Adds all that decides about the future of the families.
    pub(in crate::scheduler) fn fingerprint(&self, print: &mut Fingerprint) {
        for (&root, family) in &self.families {
            let Family { external, weight, tasks, members, askable, declined, load: _, asked, rested_at } =
                family;
            print.key(root);
            print.number(u64::from(*external));
            print.number(u64::from(weight.get()));
            print.number(*tasks as u64);
            print.time(*rested_at);
            for &start in members.keys() {
                print.start(start);
                print.number(u64::from(askable.contains(&start)));
                print.number(u64::from(declined.contains(&start)));
            }
            match asked {
                Some(task) => print.key(*task),
                None => print.number(u64::MAX),
            }
            // A family that has rested becomes willing only when something happens to it.
            let class = if *external { &self.external } else { &self.internal };
            print.number(u64::from(class.willing.contains(&(family.share(), root))));
        }
    }
}
