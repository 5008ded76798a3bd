//! The thread of a slot, and whether it may still take the server's locks.
//!
//! A thread whose task nobody waits for any more, a leftover or a wedged one, is lowered to the system's idle priority. That
//! can't be undone without privilege. It may also lie off the cores for as long as there is other work, so if it held a lock
//! of ours everybody would wait for it. Hence the rules, which this file keeps:
//!
//! - It is not lowered while it is inside the server, that is, in a call that its task made of it.
//! - Once lowered it does not go inside: the [`Reaper`] calls for it, and reports the end of its task.
//! - It ends with its task. Whatever it starts, threads included, would have its priority.

use std::cell::RefCell;
use std::sync::Arc;

use occamy_core::scheduler::TaskKey;

use crate::priority::OsThread;
use crate::reaper::Reaper;
use crate::shared::Shared;
use crate::sync::{Mutex, lock};

thread_local! {
    static CURRENT: RefCell<Option<Arc<SlotThread>>> = const { RefCell::new(None) };
}

/// The thread of a slot.
#[derive(Debug)]
pub(crate) struct SlotThread {
    os: OsThread,
    reaper: Arc<Reaper>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What runs on it.
    task: Option<TaskKey>,
    /// How many calls deep it is inside the server.
    inside: u32,
    /// It is to be lowered as soon as it is outside.
    due: bool,
    lowered: bool,
}

impl SlotThread {
    /// Makes the calling thread one of a slot.
    pub(crate) fn enter(reaper: Arc<Reaper>) -> Arc<Self> {
        let thread = Arc::new(Self { os: OsThread::current(), reaper, state: Mutex::default() });
        CURRENT.set(Some(Arc::clone(&thread)));
        thread
    }

    /// The calling thread, if it is one of a slot, of whichever server.
    fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
    }

    /// A task begins on it.
    pub(crate) fn begin(&self, task: TaskKey) {
        lock(&self.state).task = Some(task);
    }

    /// The task has ended, and from here on the thread can't be lowered for its sake. True if it has been.
    pub(crate) fn end(&self) -> bool {
        let mut state = lock(&self.state);
        state.task = None;
        state.due = false;
        state.lowered
    }

    /// Nobody waits for the end of this task any more.
    pub(crate) fn give_up(self: &Arc<Self>, task: TaskKey) {
        let thread = Arc::clone(self);
        self.reaper.have(move || thread.lower(task));
    }

    /// On the reaper. The thread is alive: it can't leave its task while this holds its state.
    fn lower(&self, task: TaskKey) {
        let mut state = lock(&self.state);
        if state.task != Some(task) || state.lowered {
            return;
        }
        if state.inside > 0 {
            state.due = true;
            return;
        }
        let outcome = self.os.lower();
        state.lowered = outcome.is_ok();
        drop(state);
        self.reaper.note(outcome);
    }

    /// Goes inside the server, unless it was lowered.
    fn go_inside(self: &Arc<Self>) -> Option<Inside> {
        let mut state = lock(&self.state);
        if state.lowered {
            return None;
        }
        state.inside += 1;
        Some(Inside(Arc::clone(self)))
    }
}

/// While it lives its thread is inside the server.
struct Inside(Arc<SlotThread>);

impl Drop for Inside {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.inside -= 1;
        if state.inside == 0 && std::mem::take(&mut state.due) {
            let task = state.task;
            drop(state);
            if let Some(task) = task {
                self.0.give_up(task);
            }
        }
    }
}

impl Shared {
    /// Does what anybody calls for, tasks included: here, or where a lowered thread has to have it done.
    pub(crate) fn call<T: Send + 'static>(
        self: &Arc<Self>,
        code: impl FnOnce(&Arc<Self>) -> T + Send + 'static,
    ) -> T {
        let Some(thread) = SlotThread::current() else { return code(self) };
        match thread.go_inside() {
            Some(_inside) => code(self),
            None => {
                let shared = Arc::clone(self);
                thread.reaper.run(move || code(&shared))
            }
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::thread;

    use super::*;
    use crate::IdlePriority;

    /// On a thread of its own, which may be lowered.
    fn on_a_slots_thread(test: impl FnOnce(&Arc<SlotThread>) + Send + 'static) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("it needs no thread");
        let reaper = Arc::new(Reaper::new("test".into(), runtime.handle().clone(), true));
        thread::spawn(move || test(&SlotThread::enter(reaper))).join().expect("the test passes");
    }

    #[test]
    fn only_the_task_that_runs_is_a_reason_to_lower() {
        on_a_slots_thread(|thread| {
            thread.begin(TaskKey(1));
            thread.lower(TaskKey(2));
            assert!(!thread.end());
            thread.lower(TaskKey(1));
            thread.begin(TaskKey(3));
            thread.lower(TaskKey(1));
            assert!(!thread.end());
            assert_eq!(thread.reaper.outcome(), IdlePriority::Untried);

            thread.begin(TaskKey(4));
            thread.lower(TaskKey(4));
            assert!(thread.end());
            assert_ne!(thread.reaper.outcome(), IdlePriority::Untried);
        });
    }

    #[test]
    fn nobody_is_lowered_inside_the_server_however_deep() {
        on_a_slots_thread(|thread| {
            thread.begin(TaskKey(1));
            let outer = thread.go_inside().expect("it is not lowered");
            let inner = thread.go_inside().expect("it is not lowered");
            thread.lower(TaskKey(1));
            drop(inner);
            assert!(lock(&thread.state).due, "it is still inside");
            assert!(!lock(&thread.state).lowered);
            drop(outer);
            while !lock(&thread.state).lowered {
                thread::yield_now();
            }
            assert!(thread.go_inside().is_none());
            assert!(thread.end());
        });
    }

    #[test]
    fn a_task_that_ends_before_it_could_be_lowered_is_not() {
        on_a_slots_thread(|thread| {
            thread.begin(TaskKey(1));
            let inside = thread.go_inside().expect("it is not lowered");
            thread.lower(TaskKey(1));
            assert!(!thread.end());
            drop(inside);
            assert!(thread.go_inside().is_some());
            assert_eq!(thread.reaper.outcome(), IdlePriority::Untried);
        });
    }
}
