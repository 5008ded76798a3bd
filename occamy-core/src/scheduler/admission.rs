//! Requests: who gets a slot at once, who waits for a victim, and who is refused.

use super::clock::Timer;
use super::families::Kin;
use super::shutdown::Phase;
use super::task::{Origin, Place, Start, Task};
use super::{Action, DropReason, Request, Scheduler, SlotId, StopReason, TaskKey};
use crate::{Error, ErrorKind, LateEvent, Observation, SlotStatus, Verdict};

impl Scheduler {
    pub(super) fn request_arrived(&mut self, task: TaskKey, request: Request) {
        if !self.is_new(task) {
            return;
        }
        if self.phase != Phase::Open {
            self.act(Action::Settle { task, verdict: Verdict::on_refusal() });
            self.act(Action::Drop { task, reason: DropReason::Draining });
            return;
        }
        self.families.found(task, Kin::Internal, request.weight);
        self.tasks.insert(
            task,
            Task {
                family: task,
                id: request.id,
                group: request.group,
                status: SlotStatus::Protected,
                origin: Origin::Request { attempt: request.attempt, max_run: request.max_run },
                arrived: self.clock.now().saturating_sub(request.handling),
                place: Place::Waiting,
                ask: None,
            },
        );
        self.place_request(task);
    }

    /// Finds a slot for a request: empty, left by a victim, or one that a victim will leave.
    fn place_request(&mut self, task: TaskKey) {
        if let Some(slot) = self.slots.take_empty() {
            self.start(task, slot);
        } else if let Some(slot) = self.make_leftover() {
            self.start(task, slot);
        } else if self.stopping.len() > self.waiters.len() || self.evict(StopReason::Evicted, None) {
            self.waiters.insert(task);
        } else {
            self.refuse(task);
        }
    }

    /// The message of a request belongs to another server. If it waits, it need not be run here.
    pub(super) fn request_withdrawn(&mut self, task: TaskKey) {
        if self.waiters.remove(&task) {
            // Its victim goes on stopping, for whoever comes next.
            self.hand_back(task, Verdict::Interrupted, DropReason::Withdrawn);
        } else if !self.is_request(task) {
            self.late(LateEvent::Withdrawal);
        }
    }

    fn is_request(&self, task: TaskKey) -> bool {
        self.tasks.get(&task).is_some_and(|task| matches!(task.origin, Origin::Request { .. }))
    }

    /// Sees to it that no more requests wait than slots are being freed, after a victim did not end in time.
    pub(super) fn replace_lost_victims(&mut self) {
        while self.waiters.len() > self.stopping.len() && !self.evict(StopReason::Evicted, None) {
            let youngest = self.waiters.pop_last().expect("there are more waiters than victims");
            self.refuse(youngest);
        }
    }

    fn refuse(&mut self, task: TaskKey) {
        let error = Error::new(
            ErrorKind::TaskNotAdded,
            "no slot could be freed: all are protected, wedged or awaited",
        );
        self.observe(Observation::Failed { group: self.tasks[&task].group.clone(), error });
        self.hand_back(task, Verdict::on_refusal(), DropReason::Refused);
    }

    /// Settles a request that was never started, and drops it.
    pub(super) fn hand_back(&mut self, task: TaskKey, verdict: Verdict, reason: DropReason) {
        self.act(Action::Settle { task, verdict });
        self.forget(task, reason);
    }

    /// Runs a task in a slot that was taken or vacated for it.
    pub(super) fn start(&mut self, key: TaskKey, slot: SlotId) {
        let now = self.clock.now();
        let start = Start(self.next_start);
        self.next_start += 1;
        let task = self.tasks.get_mut(&key).expect("only a known task is started");
        task.place = Place::Running { slot, start, since: now };
        let (family, status, origin) = (task.family, task.status, task.origin);
        let (id, group) = (task.id.clone(), task.group.clone());
        let wait = now.saturating_sub(task.arrived);
        self.slots.occupy(slot, key, status);
        self.families.join(family, start, key, status.is_unprotected(), &mut self.clock);
        if let Origin::Request { max_run: Some(max_run), .. } = origin {
            self.clock.set(now.saturating_add(max_run), Timer::MaxRun(key));
        }
        self.act(Action::Start { task: key, slot, status });
        self.observe(Observation::Started { task: key, slot, id, group, status, wait });
    }

    /// Drops a task that is in no slot, no queue and no index.
    pub(super) fn forget(&mut self, key: TaskKey, reason: DropReason) {
        let task = self.tasks.remove(&key).expect("only a known task is forgotten");
        self.families.shrink(task.family);
        self.act(Action::Drop { task: key, reason });
    }
}
