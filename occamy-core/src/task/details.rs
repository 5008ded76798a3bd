//! What a server needs to know of a task.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What a server needs to know of a task: who it is, whom it belongs to, and what it is entitled to.
///
/// ```
/// use std::time::Duration;
/// use occamy_core::TaskDetails;
///
/// let details = TaskDetails::new("route-7").group("routes").max_run(Duration::from_secs(3600));
/// assert_eq!(&*details.group, "routes");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TaskDetails {
    /// Names the task for control messages: those with this id are handed to it. Several tasks may have the same; all of
    /// them get the message. An empty id gets none.
    pub id: Arc<str>,
    /// The kind of work, for metrics: a handful of groups, not one a task. [`NO_GROUP`](Self::NO_GROUP) by default.
    pub group: Arc<str>,
    /// When it is no longer worth starting, by the wall clock. Only for offers: those with an early deadline run first,
    /// and one that is over is dropped. It stops nothing that runs. `None`, the default, means never.
    pub deadline: Option<SystemTime>,
    /// The share of spare slots that the family of this task is entitled to, in relation to other families: one of
    /// weight 2 gets twice as many assistants as one of weight 1, which is the default. What counts is the weight of the
    /// request or offer that a family began with.
    pub weight: NonZeroU32,
    /// How long it may run before it is stopped and fails. Only for requests: it keeps a hung one from holding its slot
    /// for ever. More than zero. `None`, the default, sets no limit.
    pub max_run: Option<Duration>,
}

impl TaskDetails {
    /// The group of tasks that have none.
    pub const NO_GROUP: &'static str = "";

    /// The details of a task with this id, and the default of everything else.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }

    /// Sets the [`group`](Self::group).
    #[must_use]
    pub fn group(mut self, group: impl Into<Arc<str>>) -> Self {
        self.group = group.into();
        self
    }

    /// Sets the [`deadline`](Self::deadline).
    #[must_use]
    pub fn deadline(mut self, deadline: SystemTime) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets the [`weight`](Self::weight).
    #[must_use]
    pub fn weight(mut self, weight: NonZeroU32) -> Self {
        self.weight = weight;
        self
    }

    /// Sets [`max_run`](Self::max_run).
    #[must_use]
    pub fn max_run(mut self, limit: Duration) -> Self {
        self.max_run = Some(limit);
        self
    }
}

/// No id, no group, no deadline, weight 1, no limit.
impl Default for TaskDetails {
    fn default() -> Self {
        Self {
            id: Arc::default(),
            group: Arc::from(Self::NO_GROUP),
            deadline: None,
            weight: NonZeroU32::MIN,
            max_run: None,
        }
    }
}
