//! Where assistants come from: each gets the same job, and random choices of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use occamy_core::BoxTask;
use occamy_core::transport::Publisher;

use super::Job;
use super::assistant::Assistant;

/// What a master or an assistant makes assistants of.
pub(super) struct Crew {
    pub(super) job: Job,
    pub(super) publisher: Arc<dyn Publisher>,
    hired: AtomicU64,
}

impl Crew {
    pub(super) fn new(job: Job, publisher: Arc<dyn Publisher>) -> Self {
        Self { job, publisher, hired: AtomicU64::new(0) }
    }

    /// So many assistants, each with a seed that follows from ours.
    pub(super) fn hire(&self, count: usize) -> Vec<BoxTask> {
        let assistants = (0..count).map(|_| {
            let number = self.hired.fetch_add(1, Ordering::Relaxed);
            let mut job = self.job.clone();
            job.seed = fastrand::Rng::with_seed(job.seed ^ (number + 1).rotate_left(32)).u64(..);
            Assistant::new(job, Arc::clone(&self.publisher)).into()
        });
        assistants.collect()
    }
}
