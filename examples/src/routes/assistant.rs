//! A task that helps with a request: a search of its own, which sends what it finds to the master.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use occamy_core::transport::{Publisher, header};
use occamy_core::{BoxTask, Error, Headers, Task, TaskContext, TaskDetails};

use super::climb::Climb;
use super::job::Job;
use crate::tsp::Problem;

/// The length of a tour: of the one in the body, or of the best that the master knows.
pub(super) const LENGTH: &str = "length";
/// The master is done.
pub(super) const FINISHED: &str = "finished";

/// A master that has not been heard of for so long is done, or gone: four times as long as it may be silent.
const SILENCE: Duration = Duration::from_secs(2);

/// Searches on behalf of a master, on its server or another.
pub(super) struct Assistant {
    job: Job,
    publisher: Arc<dyn Publisher>,
    /// The length of the best tour that the master is known to have.
    known: AtomicI64,
    /// The master has been heard of since the last look.
    heard: AtomicBool,
    finished: AtomicBool,
    assistants: AtomicU64,
}

impl Assistant {
    pub(super) fn new(job: Job, publisher: Arc<dyn Publisher>) -> Self {
        Self {
            job,
            publisher,
            known: AtomicI64::new(i64::MAX),
            heard: AtomicBool::new(false),
            finished: AtomicBool::new(false),
            assistants: AtomicU64::new(0),
        }
    }

    /// The same with random choices of its own.
    pub(super) fn numbered(mut self, number: u64) -> Self {
        self.job.seed = fastrand::Rng::with_seed(self.job.seed ^ (number + 1).rotate_left(32)).u64(..);
        self
    }

    fn is_over(&self) -> bool {
        self.finished.load(Ordering::Relaxed) || self.job.is_over()
    }
}

impl Task for Assistant {
    fn details(&self) -> TaskDetails {
        // As an offer it is not worth starting once the request is over.
        TaskDetails::new(self.job.assistants()).group(Arc::clone(&self.job.request)).deadline(self.job.until)
    }

    fn run(&self, cx: &TaskContext) -> Result<(), Error> {
        let problem = Problem::new_unless(self.job.instance.clone(), || cx.is_stopped())
            .ok_or_else(Error::interrupted)?;
        // The same offer reaches every server: the slot makes their searches differ somewhat, the clock more so.
        let seed = self.job.seed ^ fastrand::u64(..);
        let mut climb = Climb::new(&Arc::new(problem), seed);
        let mut heard = Instant::now();
        while !self.is_over() && heard.elapsed() < SILENCE {
            cx.check()?;
            if self.heard.swap(false, Ordering::Relaxed) {
                heard = Instant::now();
            }
            let improved = climb.step();
            let (tour, length) = climb.best();
            if improved && length < self.known.fetch_min(length, Ordering::Relaxed) {
                let headers = Headers::new().with(header::TASK_ID, &*self.job.request).with(LENGTH, length);
                // If the outbox is full the next improvement may get through; a better one is on its way anyhow.
                let _ = self.publisher.try_control(headers, tour.encode());
            }
        }
        Ok(())
    }

    fn expand(&self, limit: usize) -> Vec<BoxTask> {
        let limit = if self.is_over() { 0 } else { limit };
        let assistants = (0..limit).map(|_| {
            let number = self.assistants.fetch_add(1, Ordering::Relaxed);
            Self::new(self.job.clone(), Arc::clone(&self.publisher)).numbered(number).into()
        });
        assistants.collect()
    }

    fn handle(&self, _: &TaskContext, headers: &Headers, _: &Bytes) -> Result<(), Error> {
        self.heard.store(true, Ordering::Relaxed);
        if headers.optional_bool(FINISHED)? == Some(true) {
            self.finished.store(true, Ordering::Relaxed);
        } else {
            self.known.fetch_min(headers.integer(LENGTH)?, Ordering::Relaxed);
        }
        Ok(())
    }
}
