//! Who does the work: whatever takes the requests of a trace, and the broker that hands them over.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::job::Job;

/// Takes requests, and does them.
pub(super) trait Crew: Send + Sync {
    /// Takes a request. Never waits. Whoever has done it [counts it down](Open::close).
    fn take(&self, job: Arc<Job>, open: &Arc<Open>);
}

/// The requests that were handed over and have not ended.
#[derive(Debug, Default)]
pub(super) struct Open {
    count: Mutex<usize>,
    closed: Condvar,
}

impl Open {
    fn open(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    /// One has ended, and its message is settled.
    pub(super) fn close(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.closed.notify_all();
    }

    /// Waits until fewer than so many are open.
    fn wait_for_room(&self, most: usize) {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.closed.wait_while(count, |count| *count >= most));
    }
}

/// Hands every request over when it is due: not more at a time than `prefetch`, as a broker does, the others in order
/// later. Returns when the trace began, once all have ended. To be called on a thread that may wait.
pub(super) fn hand_over(jobs: &[Arc<Job>], prefetch: usize, crew: &dyn Crew) -> Instant {
    let open = Arc::new(Open::default());
    let began = Instant::now() + Duration::from_millis(5);
    for job in jobs {
        thread::sleep((began + job.arrival).saturating_duration_since(Instant::now()));
        open.wait_for_room(prefetch);
        open.open();
        job.hand_over();
        crew.take(Arc::clone(job), &open);
    }
    open.wait_for_room(1);
    began
}
