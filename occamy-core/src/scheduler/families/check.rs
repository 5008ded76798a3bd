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
                let member = self.families.get(&task.family).and_then(|family| family.members.get(&start));
                if member.is_none_or(|member| member.task != key || member.asked != task.ask.is_some()) {
                    return Err(format!("{key:?} runs, but its family has {member:?} in its place"));
                }
            }
        }
        for (root, family) in &self.families {
            let claimed = (family.tasks, family.members.len(), family.load);
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
        let (mut crowded, mut willing, mut sated) = (0, 0, 0);
        for (&root, family) in
            self.families.iter().filter(|(_, family)| family.external == (kin == Kin::External))
        {
            if let Some(start) = family.youngest_evictable() {
                crowded += 1;
                if !class.crowded.contains(&(family.share(), start, root)) {
                    return Err(format!("the family of {root:?} is missing from the crowded ones"));
                }
            }
            if family.members.is_empty() || family.asked.is_some() {
                continue;
            }
            let is_willing = class.willing.contains(&(family.share(), root));
            let is_sated = class.sated.contains(&root);
            willing += usize::from(is_willing);
            sated += usize::from(is_sated);
            let expected = match family.next_to_ask(self.round) {
                None => (false, true),
                // One whose rest has just ended becomes willing when its timer is handled.
                Some(_) if !is_willing && !is_sated && family.rested_at > Duration::ZERO => continue,
                Some(_) => (family.rested_at <= now, false),
            };
            if expected != (is_willing, is_sated) {
                return Err(format!(
                    "the family of {root:?} is willing, sated: {:?}",
                    (is_willing, is_sated)
                ));
            }
        }
        if (crowded, willing, sated) != (class.crowded.len(), class.willing.len(), class.sated.len()) {
            return Err(format!("an order of the {kin:?} families lists one that does not belong there"));
        }
        Ok(())
    }

    /// Adds all that decides about the future of the families.
    pub(in crate::scheduler) fn fingerprint(&self, print: &mut Fingerprint) {
        for (&root, family) in &self.families {
            let Family { external, weight, tasks, members, load: _, asked, rested_at, declined } = family;
            print.key(root);
            print.number(u64::from(*external));
            print.number(u64::from(weight.get()));
            print.number(*tasks as u64);
            print.time(*rested_at);
            for (&start, member) in members {
                print.start(start);
                print.number(u64::from(member.asked));
            }
            match asked {
                Some(task) => print.key(*task),
                None => print.number(u64::MAX),
            }
            match declined {
                Some((round, start)) if *round == self.round => print.start(*start),
                _ => print.number(u64::MAX),
            }
        }
    }
}
