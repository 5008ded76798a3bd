//! The task of a request: searches itself, has others search beside it, and collects what they find.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use occamy_core::transport::{Publisher, header};
use occamy_core::{BoxTask, Error, ErrorKind, Headers, Task, TaskContext, TaskDetails};

use super::assistant::{FINISHED, LENGTH};
use super::climb::Climb;
use super::crew::Crew;
use super::job::Job;
use super::news::{ENOUGH, News};
use super::pace::Pace;
use crate::tsp::{Problem, Tour, known_optimum};

/// Assistants hear of a new best no more often than this.
const NEWS: Duration = Duration::from_millis(50);

/// And they hear from the master at least this often, so that they can tell when it is gone.
const SIGN_OF_LIFE: Duration = Duration::from_millis(500);

/// The client gets whole tours, and is the slower reader.
const REPORT: Duration = Duration::from_millis(200);

/// What got lost on the way to the client is made good after this.
const REPORT_AGAIN: Duration = Duration::from_secs(1);

/// The client answers within milliseconds, unless one of the two has to reconnect.
const ANSWER: Duration = Duration::from_millis(500);

/// So that is ten seconds for reconnecting.
const TRIES: u32 = 20;

/// Between two looks whether the client has answered.
const LOOK: Duration = Duration::from_millis(5);

/// Solves an instance, with the help of as many assistants as there is room for.
pub(super) struct Master {
    crew: Crew,
    expansion: bool,
    /// The best tour that assistants sent since the last look.
    inbox: Mutex<Option<(i64, Tour)>>,
    /// The client has a result, from here or from another server that was given the same request; or it wants none.
    enough: AtomicBool,
    /// Assistants are of no use any more.
    ended: AtomicBool,
}

impl Master {
    pub(super) fn new(job: Job, until: SystemTime, publisher: Arc<dyn Publisher>, expansion: bool) -> Self {
        let (enough, ended) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { crew: Crew::new(job, until, publisher), expansion, inbox: Mutex::new(None), enough, ended }
    }

    /// Sends news to all assistants, on whichever server they run. A full outbox loses nothing that matters.
    fn tell(&self, headers: Headers) {
        let _ = self.crew.publisher.try_control(headers.with(header::TASK_ID, self.crew.id()), Bytes::new());
    }

    /// Sends news to the client. What a full outbox loses is sent again anyhow.
    fn report(&self, news: &News) -> Result<(), Error> {
        let (headers, body) = news.encode(&self.crew.job.reply_to, &self.crew.job.request)?;
        let _ = self.crew.publisher.try_control(headers, body);
        Ok(())
    }

    /// Sends the result to the client until it says that it has it. So the request is not done before that, and if this
    /// server dies another one does it again.
    fn hand_over(&self, cx: &TaskContext, result: &News) -> Result<(), Error> {
        for _ in 0..TRIES {
            self.report(result)?;
            let sent = Instant::now();
            while sent.elapsed() < ANSWER {
                if self.is_enough() {
                    return Ok(());
                }
                if cx.wait_stopped(LOOK) {
                    return Err(Error::interrupted());
                }
            }
        }
        Err(Error::new(
            ErrorKind::UnknownTask,
            "no client took the result: it has ended, or can't be reached",
        ))
    }

    fn is_enough(&self) -> bool {
        self.enough.load(Ordering::Relaxed)
    }

    fn take_inbox(&self) -> Option<Tour> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).take().map(|(_, tour)| tour)
    }
}

impl Task for Master {
    fn details(&self) -> TaskDetails {
        TaskDetails::new(Arc::clone(&self.crew.job.request)).group(Arc::clone(&self.crew.job.request))
    }

    fn run(&self, cx: &TaskContext) -> Result<(), Error> {
        let start_latency = SystemTime::now().duration_since(self.crew.job.sent).unwrap_or_default();
        self.report(&News { start_latency, ..News::default() })?;
        if self.expansion {
            self.crew.offer()?;
        }
        let problem = Problem::new_unless(self.crew.job.instance.clone(), || cx.is_stopped())
            .ok_or_else(Error::interrupted)?;
        let mut climb = Climb::new(&Arc::new(problem), self.crew.job.seed);
        let optimum = known_optimum(self.crew.job.instance.name());
        let (mut telling, mut reporting) = (Pace::new(NEWS, SIGN_OF_LIFE), Pace::new(REPORT, REPORT_AGAIN));
        while !self.crew.is_over() && Some(climb.best().1) != optimum && !self.is_enough() {
            cx.check()?;
            let mut better = climb.step();
            if let Some(tour) = self.take_inbox() {
                better |= climb.adopt(tour);
            }
            let now = Instant::now();
            if telling.is_due(now, better) {
                self.tell(Headers::new().with(LENGTH, climb.best().1));
            }
            if reporting.is_due(now, better) {
                self.report(&news(start_latency, &climb, false))?;
            }
        }
        self.ended.store(true, Ordering::Relaxed);
        self.tell(Headers::new().with(FINISHED, true));
        self.hand_over(cx, &news(start_latency, &climb, true))
    }

    fn expand(&self, limit: usize) -> Vec<BoxTask> {
        let wanted = self.expansion && !self.ended.load(Ordering::Relaxed) && !self.crew.is_over();
        if wanted { self.crew.hire(limit) } else { Vec::new() }
    }

    fn handle(&self, _: &TaskContext, headers: &Headers, body: &Bytes) -> Result<(), Error> {
        if headers.optional_bool(ENOUGH)? == Some(true) {
            self.enough.store(true, Ordering::Relaxed);
            return Ok(());
        }
        let length = headers.integer(LENGTH)?;
        let tour = Tour::decode(body, self.crew.job.instance.dimension()).map_err(Error::other)?;
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        if inbox.as_ref().is_none_or(|(best, _)| length < *best) {
            *inbox = Some((length, tour));
        }
        Ok(())
    }
}

fn news(start_latency: Duration, climb: &Climb, finished: bool) -> News {
    let (tour, length) = climb.best();
    News { start_latency, best: Some((length, tour.clone())), finished }
}

#[cfg(test)]
mod tests {
    use occamy_runtime::memory::MemoryBroker;
    use occamy_runtime::test_support::TestContext;

    use super::*;
    use crate::routes::news::enough;

    #[tokio::test]
    async fn a_request_is_not_done_before_the_client_has_the_result() {
        let publisher = MemoryBroker::new().publisher();
        let (master, test) =
            (Master::new(Job::tiny(), SystemTime::now(), publisher, true), TestContext::new());
        std::thread::scope(|scope| {
            let run = scope.spawn(|| master.run(test.cx()));
            test.stop();
            assert_eq!(run.join().unwrap().unwrap_err().kind(), ErrorKind::TaskInterrupted);
        });
        let (answer, test) = (enough("a"), TestContext::new());
        master.handle(test.cx(), &answer, &Bytes::new()).unwrap();
        assert_eq!(master.run(test.cx()), Ok(()));
        assert!(master.expand(1).is_empty(), "nobody needs assistants any more");
    }
}
