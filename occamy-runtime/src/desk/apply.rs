//! The scheduler's actions, applied to the tables; what has to wait for the unlocking becomes jobs.

use std::sync::Arc;
use std::time::Duration;

use occamy_core::scheduler::{Action, SlotId, TaskKey};
use occamy_core::{Observation, SlotStatus, TaskInfo, TaskKind};

use super::table::{Entry, Running};
use super::{Grave, Job, LaneId, Run, State};
use crate::alarm::Alarm;
use crate::host::Host;

impl State {
    /// Applies all that the last event brought about. The jobs come in an order that suits whoever does them: messages
    /// are settled first, and a task is run on this thread last. A thread that counts as sent for is sent for before any
    /// code of the user's is run, or others would wait for that.
    pub(super) fn apply(&mut self, lane: Option<LaneId>, alarm: &Arc<Alarm>, now: Duration) -> Vec<Job> {
        let mut jobs = Vec::new();
        let mut last = None;
        while let Some(action) = self.scheduler.poll_action() {
            match action {
                Action::Start { task, slot, status } => {
                    match self.start(task, slot, status, lane, alarm, now) {
                        here @ Job::RunHere(_) => last = Some(here),
                        elsewhere => jobs.push(elsewhere),
                    }
                }
                Action::Stop { task, .. } => {
                    if let Some(running) = self.running(task) {
                        running.host.stop();
                        jobs.push(Job::Wake(Arc::clone(&running.host)));
                    }
                }
                Action::Leave { task, slot } => {
                    jobs.extend(self.give_up(task, slot));
                    if let Some(running) = self.running(task) {
                        running.left = true;
                    }
                }
                Action::Expand { task, limit } => {
                    if let Some(Entry { run, errands, .. }) = self.tasks.get_mut(&task) {
                        errands.expand = Some(limit);
                        let unrested = run.as_ref().filter(|run| run.unrested).map(|run| run.since);
                        self.calls.ask(task, unrested, errands);
                    }
                }
                Action::Settle { task, verdict } => {
                    let entry =
                        self.tasks.get_mut(&task).expect("a message is settled before its task is dropped");
                    let message = entry.message.take().expect("a message is settled once");
                    let group = Arc::clone(&entry.details.group);
                    let under_way = self.settlements.token();
                    jobs.push(Job::Settle { message, verdict, group, under_way });
                }
                Action::Drop { task, .. } => {
                    let entry = self.tasks.remove(&task).expect("a task is dropped once");
                    jobs.push(Job::Bury(Box::new(Grave::Task(entry))));
                }
                Action::Observe(observation) => {
                    match &observation {
                        Observation::Wedged { task, .. } => self.mark_wedged(*task, &mut jobs),
                        Observation::Slots(usage) if usage.healthy != self.healthy => {
                            self.healthy = usage.healthy;
                            jobs.push(Job::Health { healthy: usage.healthy, wedged: usage.wedged });
                        }
                        _ => {}
                    }
                    self.observations.push(observation);
                }
                Action::Closed => {
                    self.closed = true;
                    self.lanes.close();
                    jobs.push(Job::Closed);
                }
            }
        }
        self.calls.pass(now);
        if self.calls.sends() {
            let at = jobs.iter().position(Job::runs_user_code).unwrap_or(jobs.len());
            jobs.insert(at, Job::Errands);
        }
        jobs.extend(last);
        jobs
    }

    fn start(
        &mut self,
        key: TaskKey,
        slot: SlotId,
        status: SlotStatus,
        lane: Option<LaneId>,
        alarm: &Arc<Alarm>,
        now: Duration,
    ) -> Job {
        let entry = self.tasks.get_mut(&key).expect("a task's entry is in the table before its event is");
        let info = TaskInfo::new(&entry.details, status, slot, entry.attempt);
        let (lineage, lease_lost) = (Arc::clone(&entry.lineage), Arc::clone(&entry.lease_lost));
        let host = Host::new(info, lineage, lease_lost, Arc::clone(alarm));
        let run = Run { key, task: entry.task.clone(), cx: host.context(), host: Arc::clone(&host) };
        let future = matches!(run.task.kind(), TaskKind::Async(_) | TaskKind::Command(_));
        let (since, left, wedged) = (now, false, false);
        entry.run = Some(Running { host, slot, status, since, left, wedged, unrested: future });
        if !entry.details.id.is_empty() {
            self.by_id.entry(Arc::clone(&entry.details.id)).or_default().insert(key);
        }
        if future {
            Job::Future(run)
        } else {
            self.calls.hurry();
            self.lanes.dispatch(slot, lane, run)
        }
    }

    fn mark_wedged(&mut self, key: TaskKey, jobs: &mut Vec<Job>) {
        let Some(entry) = self.tasks.get_mut(&key) else { return };
        let Some(running) = entry.run.as_mut() else { return };
        running.wedged = true;
        let (slot, status, left) = (running.slot, running.status, running.left);
        let (id, group) = (Arc::clone(&entry.details.id), Arc::clone(&entry.details.group));
        jobs.push(Job::Wedged { key, id, group, status, slot, left });
        if !left {
            jobs.extend(self.give_up(key, slot));
        }
    }

    /// Nobody waits for the end of a task any more. If it computes the slot's thread is left to it, and the next task
    /// gets another: a thread whose priority was lowered can't be raised again.
    fn give_up(&mut self, key: TaskKey, slot: SlotId) -> Option<Job> {
        let entry = self.tasks.get(&key)?;
        if let TaskKind::Compute(_) = entry.task.kind() {
            self.lanes.detach(slot);
        }
        let running = entry.run.as_ref()?;
        Some(Job::Lower { host: Arc::clone(&running.host), wedged: running.wedged })
    }

    pub(super) fn running(&mut self, key: TaskKey) -> Option<&mut Running> {
        self.tasks.get_mut(&key)?.run.as_mut()
    }
}
