//! Who comes first: among waiters, victims, queued offers, families and those that may be asked.

use std::cmp::Ordering;

use super::{ASK_INTERVAL, Place, Task, Truth};

impl Truth {
    pub(crate) fn oldest_waiter(&self) -> Option<u64> {
        self.tasks.iter().find(|task| task.place == Place::Waiting).map(|task| task.key)
    }

    pub(crate) fn youngest_waiter(&self) -> Option<u64> {
        self.tasks.iter().rfind(|task| task.place == Place::Waiting).map(|task| task.key)
    }

    pub(crate) fn oldest_stopping_victim(&self) -> Option<u64> {
        let by_stop = |task: &&Task| (task.stop.map(|stop| stop.at), task.key);
        self.stopping_victims().min_by_key(by_stop).map(|task| task.key)
    }

    /// Queued offers in the order in which they are to start.
    pub(crate) fn queue(&self) -> Vec<u64> {
        let mut queue: Vec<_> = self
            .tasks
            .iter()
            .filter(|task| task.place == Place::Queued)
            .map(|task| (task.deadline().is_none(), task.deadline(), task.key))
            .collect();
        queue.sort_unstable();
        queue.into_iter().map(|(_, _, key)| key).collect()
    }

    /// The running unprotected tasks of a family.
    pub(crate) fn load(&self, root: u64) -> u64 {
        self.tasks.iter().filter(|task| task.root == root && task.is_candidate()).count() as u64
    }

    /// Compares two families by their load for their weight.
    pub(crate) fn cmp_share(&self, a: u64, b: u64) -> Ordering {
        let (weight_a, weight_b) = (self.family(a).weight, self.family(b).weight);
        (self.load(a) * weight_b).cmp(&(self.load(b) * weight_a))
    }

    /// The task that has to make room: an external one if there is any.
    pub(crate) fn best_victim(&self) -> Option<&Task> {
        self.victim(true).or_else(|| self.victim(false))
    }

    /// The task of a class that has to make room: of the family with the greatest share, the youngest. Among families
    /// of equal share the one with the youngest task counts as the greater.
    pub(crate) fn victim(&self, external: bool) -> Option<&Task> {
        let candidates = self.tasks.iter().filter(|task| task.is_candidate());
        candidates
            .filter(|task| self.family(task.root).external == external)
            .max_by(|a, b| self.cmp_share(a.root, b.root).then(a.born.cmp(&b.born)))
    }

    /// The member that would be asked next: the oldest that runs, has nothing to answer, and has not declined in this
    /// round. None while another's answer is expected.
    pub(crate) fn member_to_ask(&self, root: u64) -> Option<u64> {
        let members = || self.tasks.iter().filter(|task| task.root == root);
        if members().any(|task| task.ask.is_some_and(|ask| !ask.expired)) {
            return None;
        }
        members()
            .filter(|task| task.is_running() && task.ask.is_none() && !task.declined)
            .min_by_key(|task| task.born)
            .map(|task| task.key)
    }

    /// Something of a family's own happened: its rest is over if it has lasted long enough.
    pub(crate) fn touch(&mut self, root: u64) {
        let now = self.now;
        for family in self.families.iter_mut().filter(|family| family.root == root) {
            family.resting = family.asked.is_some_and(|asked| asked + ASK_INTERVAL > now);
        }
    }

    pub(crate) fn roots(&self) -> Vec<u64> {
        self.families.iter().map(|family| family.root).collect()
    }

    /// The families of a class that can be asked now, poorest first, older first among equals.
    pub(crate) fn willing(&self, external: bool) -> Vec<u64> {
        let mut willing: Vec<_> = self
            .families
            .iter()
            .filter(|family| family.external == external && !family.resting)
            .map(|family| family.root)
            .filter(|&root| self.member_to_ask(root).is_some())
            .collect();
        willing.sort_by(|&a, &b| self.cmp_share(a, b).then(a.cmp(&b)));
        willing
    }
}
