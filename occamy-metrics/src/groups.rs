//! The handles of tasks, by group: made once for each group, and for so many groups at most.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use metrics::{Counter, Histogram, SharedString};
use occamy_core::{OutcomeKind, SlotStatus, TaskDetails};

use crate::label::{clean, cut};
use crate::labelled::Labelled;
use crate::names::{self, OTHER};
use crate::registrar::Registrar;

/// So many groups of a server have series of their own: the first ones that come. All others are
/// [`OTHER`](names::OTHER).
pub const MAX_GROUPS: usize = 200;

/// The groups that have been met.
#[derive(Debug)]
pub(crate) struct Groups {
    registrar: Registrar,
    /// By the name as it came, if cut. Bounded by [`MAX_GROUPS`].
    named: RwLock<HashMap<Box<str>, Arc<Group>>>,
    /// Tasks without a group.
    none: Arc<Group>,
    other: Arc<Group>,
}

impl Groups {
    pub(crate) fn new(registrar: &Registrar) -> Self {
        let none = Arc::new(Group::new(TaskDetails::NO_GROUP.into()));
        none.register(registrar);
        let other = Arc::new(Group::new(OTHER.into()));
        Self { registrar: registrar.clone(), named: RwLock::default(), none, other }
    }

    /// Has all the series of a group exist before its first task.
    pub(crate) fn declare(&self, name: &str) {
        self.get(name).register(&self.registrar);
    }

    pub(crate) fn started(&self, group: &str, status: SlotStatus) {
        self.tasks(group, status, |tasks| tasks.started.increment(1));
    }

    pub(crate) fn finished(&self, group: &str, status: SlotStatus, outcome: OutcomeKind, ran: Duration) {
        self.tasks(group, status, |tasks| {
            if let Some(finished) = tasks.finished.get(outcome) {
                finished.increment(1);
            }
            if outcome != OutcomeKind::NotStarted {
                tasks.duration.record(ran);
            }
        });
    }

    fn tasks(&self, group: &str, status: SlotStatus, tell: impl FnOnce(&Tasks)) {
        if let Some(tasks) = self.get(group).tasks(status, &self.registrar) {
            tell(tasks);
        }
    }

    fn get(&self, name: &str) -> Arc<Group> {
        let name = cut(name);
        if name == TaskDetails::NO_GROUP {
            return Arc::clone(&self.none);
        }
        if name == OTHER {
            return Arc::clone(&self.other);
        }
        // Nothing that holds the lock can leave the map half changed.
        let named = self.named.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = named.get(name) {
            return Arc::clone(group);
        }
        if named.len() >= MAX_GROUPS {
            return Arc::clone(&self.other);
        }
        drop(named);
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        if named.len() >= MAX_GROUPS && !named.contains_key(name) {
            return Arc::clone(&self.other);
        }
        let group = named.entry(name.into()).or_insert_with(|| Arc::new(Group::new(clean(name))));
        Arc::clone(group)
    }
}

/// The series of one group, made for each status when its first task comes.
#[derive(Debug)]
struct Group {
    label: SharedString,
    tasks: [OnceLock<Tasks>; TASKS.len()],
}

/// What tasks run as.
const TASKS: [SlotStatus; 3] =
    [SlotStatus::UnprotectedExternal, SlotStatus::UnprotectedInternal, SlotStatus::Protected];

/// The series of the tasks of one group and status.
#[derive(Debug)]
struct Tasks {
    started: Counter,
    finished: Labelled<OutcomeKind, Counter>,
    duration: Histogram,
}

impl Group {
    fn new(label: SharedString) -> Self {
        Self { label, tasks: Default::default() }
    }

    fn register(&self, registrar: &Registrar) {
        for status in TASKS {
            self.tasks(status, registrar);
        }
    }

    /// `None` for empty slots, in which there are no tasks.
    fn tasks(&self, status: SlotStatus, registrar: &Registrar) -> Option<&Tasks> {
        let at = TASKS.iter().position(|&it| it == status)?;
        Some(self.tasks[at].get_or_init(|| Tasks::new(registrar, status.as_str(), &self.label)))
    }
}

impl Tasks {
    fn new(registrar: &Registrar, status: &'static str, group: &SharedString) -> Self {
        let labels = || [status.into(), group.clone()];
        Self {
            started: registrar.counter(&names::TASKS_STARTED, labels()),
            finished: Labelled::new(&OutcomeKind::ALL, |outcome| {
                let [status, group] = labels();
                registrar.counter(&names::TASKS_FINISHED, [status, group, outcome.as_str().into()])
            }),
            duration: registrar.histogram(&names::TASK_DURATION, labels()),
        }
    }
}
