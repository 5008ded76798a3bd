//! What is true of one server: plain lists, and every number counted anew whenever it is asked for.

mod rank;

use std::time::Duration;

use crate::scheduler::{Config, StopReason};
use crate::{SlotStatus, SlotUsage};

/// Everything that is known of one server. The [model](super::model) changes it, the [checks](super::checks) read it.
#[derive(Clone, Debug)]
pub(crate) struct Truth {
    pub(crate) config: Config,
    pub(crate) now: Duration,
    /// Every task that arrived and was not dropped yet, by rising key.
    pub(crate) tasks: Vec<Task>,
    /// Every family with a task in the list.
    pub(crate) families: Vec<Family>,
    /// Who occupies each slot, wedged ones included.
    pub(crate) slots: Vec<Option<u64>>,
    /// The greatest key that ever arrived.
    pub(crate) greatest_key: Option<u64>,
    pub(crate) draining: bool,
    /// When protected tasks are stopped, once shutdown has begun.
    pub(crate) grace_ends: Option<Duration>,
    pub(crate) grace_over: bool,
    pub(crate) closed: bool,
    pub(crate) next_tick: Option<Duration>,
    pub(crate) starts: u64,
    /// By how much timers were handled late, all in all: what is promised in time is promised but for this.
    pub(crate) lag: Duration,
    pub(crate) lag_at_shutdown: Duration,
    pub(crate) rebalancing: Rebalancing,
    /// When families were asked whose rest may not be over yet.
    pub(crate) recent_asks: Vec<Duration>,
}

/// One task.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) key: u64,
    /// The key of the request or offer from which it grew; its own if it is one.
    pub(crate) root: u64,
    pub(crate) kind: Kind,
    pub(crate) place: Place,
    pub(crate) wedged: bool,
    /// Which start of the server its latest was.
    pub(crate) born: u64,
    pub(crate) arrived: Duration,
    pub(crate) started: Duration,
    pub(crate) stop: Option<Stop>,
    pub(crate) ask: Option<Ask>,
    /// It answered with fewer than it was asked for, and the next round has not begun.
    pub(crate) declined: bool,
    pub(crate) lag_at_arrival: Duration,
    /// Victims that wedged while it waited.
    pub(crate) wedges_seen: u32,
}

/// What a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Request { attempt: u32, max_run: Option<Duration> },
    Offer { deadline: Option<Duration>, bytes: usize },
    Assistant,
}

/// Where a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A request without a slot.
    Waiting,
    /// An offer without a slot.
    Queued,
    /// An assistant for whom a slot is being freed.
    Held,
    /// In a slot.
    Slot(usize),
    /// It left its slot to another while it winds down.
    Left,
}

/// A stop that a task was told of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    pub(crate) reason: StopReason,
    pub(crate) at: Duration,
}

/// A question for assistants that was not answered yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) limit: usize,
    pub(crate) at: Duration,
    /// It was asked in order to rebalance, and reserves nothing.
    pub(crate) to_rebalance: bool,
    /// It went unanswered for too long, and reserves nothing any more.
    pub(crate) expired: bool,
}

/// A root and all that grew from it.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    pub(crate) root: u64,
    pub(crate) weight: u64,
    pub(crate) external: bool,
    pub(crate) asked: Option<Duration>,
    /// It was asked a moment ago, and neither a timer nor anything of its own has happened since that moment passed.
    pub(crate) resting: bool,
}

/// How far a rebalancing has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rebalancing {
    No,
    /// The period has ticked, and the poorest is still to be found.
    Due,
    /// This task, of the poorest family, was asked for one assistant.
    Asking {
        member: u64,
    },
    /// A victim is stopping; the held assistant gets its slot, or the first queued offer if there is none.
    Moving {
        victim: u64,
        held: Option<u64>,
    },
}

/// The least time between two questions to one family.
pub(crate) const ASK_INTERVAL: Duration = Duration::from_millis(1);

impl Truth {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            now: Duration::ZERO,
            tasks: Vec::new(),
            families: Vec::new(),
            slots: vec![None; config.slots],
            greatest_key: None,
            draining: false,
            grace_ends: None,
            grace_over: false,
            closed: false,
            next_tick: config.expansion_period,
            starts: 0,
            lag: Duration::ZERO,
            lag_at_shutdown: Duration::ZERO,
            rebalancing: Rebalancing::No,
            recent_asks: Vec::new(),
            config,
        }
    }

    pub(crate) fn task(&self, key: u64) -> Option<&Task> {
        self.tasks.iter().find(|task| task.key == key)
    }

    pub(crate) fn task_mut(&mut self, key: u64) -> Option<&mut Task> {
        self.tasks.iter_mut().find(|task| task.key == key)
    }

    pub(crate) fn family(&self, root: u64) -> &Family {
        self.families.iter().find(|family| family.root == root).expect("a task's family is known")
    }

    pub(crate) fn status(&self, task: &Task) -> SlotStatus {
        match task.kind {
            Kind::Request { .. } => SlotStatus::Protected,
            _ if self.family(task.root).external => SlotStatus::UnprotectedExternal,
            _ => SlotStatus::UnprotectedInternal,
        }
    }

    /// Notes the time of an event, and by how much it comes late.
    pub(crate) fn advance(&mut self, now: Duration, deadline: Option<Duration>) {
        let now = self.now.max(now);
        if let Some(deadline) = deadline {
            self.lag = self.lag.saturating_add(now.saturating_sub(deadline.max(self.now)));
        }
        self.now = now;
    }

    pub(crate) fn shutting_down(&self) -> bool {
        self.grace_ends.is_some()
    }

    // Counting.

    pub(crate) fn empty(&self) -> usize {
        self.slots.iter().filter(|occupant| occupant.is_none()).count()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.tasks.iter().filter(|task| task.place == Place::Waiting).count()
    }

    pub(crate) fn leftovers(&self) -> usize {
        self.tasks.iter().filter(|task| task.place == Place::Left).count()
    }

    /// Unprotected tasks that are stopping in a slot which they may still leave in time.
    pub(crate) fn stopping_victims(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.is_stopping_victim())
    }

    pub(crate) fn reserved(&self) -> usize {
        self.tasks.iter().filter_map(|task| task.ask.filter(Ask::reserves)).map(|ask| ask.limit).sum()
    }

    /// Empty slots that expansion may still hand out.
    pub(crate) fn spare(&self) -> usize {
        self.empty().saturating_sub(self.config.expansion_slot_buffer + self.reserved())
    }

    /// How many offers count against the bound, and how many bytes.
    pub(crate) fn offers_held(&self) -> (usize, usize) {
        self.tasks.iter().fold((0, 0), |(count, total), task| match task.kind {
            Kind::Offer { bytes, .. } if !task.wedged => (count + 1, total + bytes),
            _ => (count, total),
        })
    }

    pub(crate) fn usage(&self) -> SlotUsage {
        let mut usage = SlotUsage {
            at: self.now,
            empty: self.empty(),
            waiting: self.waiting(),
            leftovers: self.leftovers(),
            draining: self.draining,
            closed: self.closed,
            ..SlotUsage::default()
        };
        for task in self.tasks.iter().filter(|task| matches!(task.place, Place::Slot(_))) {
            match self.status(task) {
                _ if task.wedged => usage.wedged += 1,
                SlotStatus::Protected => usage.protected += 1,
                SlotStatus::UnprotectedInternal => usage.unprotected_internal += 1,
                _ => usage.unprotected_external += 1,
            }
        }
        usage.healthy = 2 * usage.wedged <= self.config.slots;
        if !self.draining {
            usage.available =
                self.config.slots.saturating_sub(usage.protected + usage.wedged + usage.waiting);
        }
        usage
    }
}

impl Task {
    pub(crate) fn is_request(&self) -> bool {
        matches!(self.kind, Kind::Request { .. })
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        match self.kind {
            Kind::Offer { deadline, .. } => deadline,
            _ => None,
        }
    }

    /// In a slot, and not told to stop.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.place, Place::Slot(_)) && self.stop.is_none()
    }

    /// May be told to stop for another's sake.
    pub(crate) fn is_candidate(&self) -> bool {
        self.is_running() && !self.is_request()
    }

    pub(crate) fn is_stopping_victim(&self) -> bool {
        matches!(self.place, Place::Slot(_)) && self.stop.is_some() && !self.wedged && !self.is_request()
    }

    /// Started, and not ended.
    pub(crate) fn is_active(&self) -> bool {
        matches!(self.place, Place::Slot(_) | Place::Left)
    }
}

impl Ask {
    pub(crate) fn reserves(&self) -> bool {
        !self.to_rebalance && !self.expired
    }
}
