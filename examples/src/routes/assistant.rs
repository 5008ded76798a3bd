//! A task that helps with a request: a search of its own, which sends what it finds to the master.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use occamy_core::transport::{Publisher, header};
use occamy_core::{BoxTask, Error, Headers, Task, TaskContext, TaskDetails};

use super::climb::Climb;
use super::crew::Crew;
use super::job::Job;
use crate::tsp::Problem;

/// The length of a tour: of the one in the body, or of the best that the master knows.
pub(super) const LENGTH: &str = "length";
/// True if the master is done.
pub(super) const FINISHED: &str = "finished";

/// A master that has not been heard of for so long is done, or gone: four times as long as it may be silent.
const SILENCE: Duration = Duration::from_secs(2);

/// Searches on behalf of a master, on its server or another.
pub(super) struct Assistant {
    crew: Crew,
    /// The length of the best tour that the master is known to have.
    known: AtomicI64,
    /// The master has been heard of since the last look.
    heard: AtomicBool,
    /// The master has been heard of at all.
    met: AtomicBool,
    finished: AtomicBool,
}

impl Assistant {
    pub(super) fn new(job: Job, until: SystemTime, publisher: Arc<dyn Publisher>) -> Self {
        Self {
            crew: Crew::new(job, until, publisher),
            known: AtomicI64::new(i64::MAX),
            heard: AtomicBool::new(false),
            met: AtomicBool::new(false),
            finished: AtomicBool::new(false),
        }
    }

    fn is_over(&self) -> bool {
        self.finished.load(Ordering::Relaxed) || self.crew.is_over()
    }
}

impl Task for Assistant {
    fn details(&self) -> TaskDetails {
        // As an offer it is not worth starting once the request is over.
        TaskDetails::new(self.crew.id()).group(Arc::clone(&self.crew.job.request)).deadline(self.crew.until)
    }

    fn run(&self, cx: &TaskContext) -> Result<(), Error> {
        let problem = Problem::new_unless(self.crew.job.instance.clone(), || cx.is_stopped())
            .ok_or_else(Error::interrupted)?;
        // The same offer reaches every server: the slot makes their searches differ somewhat, the clock more so.
        let seed = self.crew.job.seed ^ fastrand::u64(..);
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
                let headers =
                    Headers::new().with(header::TASK_ID, &*self.crew.job.request).with(LENGTH, length);
                // If the outbox is full the next improvement may get through; a better one is on its way anyhow.
                let _ = self.crew.publisher.try_control(headers, tour.encode());
            }
        }
        Ok(())
    }

    fn expand(&self, limit: usize) -> Vec<BoxTask> {
        // One that began when the master had gone must not beget others, which would do the same.
        let wanted = self.met.load(Ordering::Relaxed) && !self.is_over();
        if wanted { self.crew.hire(limit) } else { Vec::new() }
    }

    fn handle(&self, cx: &TaskContext, headers: &Headers, _: &Bytes) -> Result<(), Error> {
        self.heard.store(true, Ordering::Relaxed);
        if !self.met.swap(true, Ordering::Relaxed) {
            cx.request_expansion();
        }
        if headers.optional_bool(FINISHED)? == Some(true) {
            self.finished.store(true, Ordering::Relaxed);
        } else {
            self.known.fetch_min(headers.integer(LENGTH)?, Ordering::Relaxed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use occamy_runtime::memory::MemoryBroker;
    use occamy_runtime::test_support::TestContext;

    use super::*;

    #[tokio::test]
    async fn an_assistant_hires_others_while_there_is_a_master() {
        let until = SystemTime::now() + Duration::from_secs(3600);
        let assistant = Assistant::new(Job::tiny(), until, MemoryBroker::new().publisher());
        let test = TestContext::new();
        assert!(assistant.expand(2).is_empty(), "nobody has been heard of");
        let hears = |headers: Headers| assistant.handle(test.cx(), &headers, &Bytes::new()).unwrap();
        hears(Headers::new().with(LENGTH, 7));
        assert_eq!(assistant.expand(2).len(), 2);
        hears(Headers::new().with(FINISHED, true));
        assert!(assistant.expand(2).is_empty());
    }
}
