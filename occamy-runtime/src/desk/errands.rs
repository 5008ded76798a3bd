//! Errands as the threads of the pool see them: what to do next, for whom, and what if no thread can be had.

use std::sync::Arc;
use std::time::Duration;

use occamy_core::scheduler::{Event, TaskKey};

use super::calls::{Attendance, Next, Since, Visit};
use super::table::Entry;
use super::{Desk, Job, State};

impl Desk {
    /// A future rests for the first time. True if a thread has to be sent for.
    pub(crate) fn rests(&self, task: TaskKey) -> bool {
        let mut state = self.lock();
        let State { tasks, calls, .. } = &mut *state;
        let Some(Entry { run: Some(run), errands, .. }) = tasks.get_mut(&task) else { return false };
        run.unrested = false;
        calls.rests(errands);
        calls.sends()
    }

    /// What a thread of the pool is to do next, and what it has done.
    pub(crate) fn next_errand(&self, since: Since) -> Next {
        let mut state = self.lock();
        let State { tasks, calls, .. } = &mut *state;
        match since {
            Since::Coming => calls.came(),
            Since::Nap => calls.wakes(),
            Since::Errand(task) => {
                if let Some(entry) = tasks.get_mut(&task) {
                    calls.again(task, &mut entry.errands);
                }
            }
        }
        let Some(key) = calls.next() else {
            if matches!(since, Since::Errand(_)) && calls.naps() {
                return Next::Nap;
            }
            calls.goes();
            return Next::Go;
        };
        let Entry { task, run, errands, .. } = tasks.get_mut(&key).expect("whoever is called for runs");
        errands.attendance = Attendance::Attended;
        let host = Arc::clone(&run.as_ref().expect("whoever is called for runs").host);
        let errand = errands.next().expect("who has nothing to be called for does not wait");
        Next::Visit(Visit { key, task: task.clone(), host, errand, send_another: calls.sends() })
    }

    /// No thread came for the errands of tasks. If there is none at all, tasks that are asked decline, and mail waits for the
    /// next beat, or the next errand of its task.
    pub(crate) fn nobody_comes(&self, now: Duration) -> Vec<Job> {
        let mut state = self.lock();
        let mut jobs = Vec::new();
        if !state.calls.nobody_comes() {
            return jobs;
        }
        while let Some(task) = state.calls.next() {
            let State { tasks, stranded, .. } = &mut *state;
            let Entry { errands, .. } = tasks.get_mut(&task).expect("whoever is called for runs");
            errands.attendance = Attendance::Nobody;
            if !errands.mailbox.is_empty() {
                stranded.push(task);
            }
            if errands.expand.take().is_some() {
                let declined = Event::Expanded { task, assistants: Vec::new() };
                jobs.extend(self.tell(&mut state, now, None, declined));
            }
        }
        jobs
    }
}
