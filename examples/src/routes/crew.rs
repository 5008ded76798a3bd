//! Where assistants come from: each gets the same job, and random choices of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use occamy_core::transport::Publisher;
use occamy_core::{BoxTask, Error};

use super::Job;
use super::assistant::Assistant;

/// What a master or an assistant makes assistants of.
pub(super) struct Crew {
    pub(super) job: Job,
    /// When to end, at the latest.
    pub(super) until: SystemTime,
    pub(super) publisher: Arc<dyn Publisher>,
    hired: AtomicU64,
}

impl Crew {
    pub(super) fn new(job: Job, until: SystemTime, publisher: Arc<dyn Publisher>) -> Self {
        Self { job, until, publisher, hired: AtomicU64::new(0) }
    }

    /// True when it is time to end.
    pub(super) fn is_over(&self) -> bool {
        SystemTime::now() >= self.until
    }

    /// The id by which the assistants of the request are told of improvements.
    pub(super) fn id(&self) -> String {
        format!("{}/assistants", self.job.request)
    }

    /// So many assistants, each with a seed that follows from ours.
    pub(super) fn hire(&self, count: usize) -> Vec<BoxTask> {
        let assistants = (0..count).map(|_| {
            let number = self.hired.fetch_add(1, Ordering::Relaxed);
            let mut job = self.job.clone();
            job.seed = fastrand::Rng::with_seed(job.seed ^ (number + 1).rotate_left(32)).u64(..);
            Assistant::new(job, self.until, Arc::clone(&self.publisher)).into()
        });
        assistants.collect()
    }

    /// Asks every server for assistants, for when it has nothing better to do.
    pub(super) fn offer(&self) -> Result<(), Error> {
        Ok(self.publisher.try_control(self.job.offer(self.until)?, self.job.text.clone())?)
    }
}
