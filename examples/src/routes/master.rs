//! The task of a request: searches itself, has others search beside it, and collects what they find.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use occamy_core::transport::{Publisher, header};
use occamy_core::{BoxTask, Error, Headers, Task, TaskContext, TaskDetails};

use super::Board;
use super::assistant::{FINISHED, LENGTH};
use super::climb::Climb;
use super::crew::Crew;
use super::job::{ASSIST, Job};
use crate::tsp::{Problem, Tour};

/// Assistants hear of a new best no more often than this.
const NEWS: Duration = Duration::from_millis(50);

/// And they hear from the master at least this often, so that they can tell when it is gone.
const SIGN_OF_LIFE: Duration = Duration::from_millis(500);

/// Solves an instance, with the help of as many assistants as there is room for.
pub(super) struct Master {
    crew: Crew,
    board: Board,
    expansion: bool,
    /// The best tour that assistants sent since the last look.
    inbox: Mutex<Option<(i64, Tour)>>,
}

impl Master {
    pub(super) fn new(job: Job, publisher: Arc<dyn Publisher>, board: Board, expansion: bool) -> Self {
        Self { crew: Crew::new(job, publisher), board, expansion, inbox: Mutex::new(None) }
    }

    /// Asks every server for help, for when it has nothing better to do.
    fn offer(&self) -> Result<(), Error> {
        Ok(self.crew.publisher.try_control(self.crew.job.headers(ASSIST)?, self.crew.job.text.clone())?)
    }

    /// Sends news to all assistants, on whichever server they run. A full outbox loses nothing that matters.
    fn tell(&self, headers: Headers, body: Bytes) {
        let _ =
            self.crew.publisher.try_control(headers.with(header::TASK_ID, self.crew.job.assistants()), body);
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
        self.board.started(&self.crew.job);
        if self.expansion {
            self.offer()?;
        }
        let problem = Problem::new_unless(self.crew.job.instance.clone(), || cx.is_stopped())
            .ok_or_else(Error::interrupted)?;
        let problem = Arc::new(problem);
        let mut climb = Climb::new(&problem, self.crew.job.seed);
        let optimum = self.board.optimum(&self.crew.job.request);
        let mut news: Option<Instant> = None;
        let mut unsent = true;
        while !self.crew.job.is_over() && Some(climb.best().1) != optimum {
            cx.check()?;
            unsent |= climb.step();
            if let Some(tour) = self.take_inbox() {
                unsent |= climb.adopt(tour);
            }
            let pause = if unsent { NEWS } else { SIGN_OF_LIFE };
            if news.is_none_or(|news| news.elapsed() >= pause) {
                let (tour, length) = climb.best();
                self.board.improved(&self.crew.job.request, length, tour);
                self.tell(Headers::new().with(LENGTH, length), Bytes::new());
                (news, unsent) = (Some(Instant::now()), false);
            }
        }
        let (tour, length) = climb.best();
        self.board.finished(&self.crew.job.request, length, tour);
        self.tell(Headers::new().with(FINISHED, true), Bytes::new());
        Ok(())
    }

    fn expand(&self, limit: usize) -> Vec<BoxTask> {
        if self.expansion && !self.crew.job.is_over() { self.crew.hire(limit) } else { Vec::new() }
    }

    fn handle(&self, _: &TaskContext, headers: &Headers, body: &Bytes) -> Result<(), Error> {
        let length = headers.integer(LENGTH)?;
        let tour = Tour::decode(body, self.crew.job.instance.dimension()).map_err(Error::other)?;
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        if inbox.as_ref().is_none_or(|(best, _)| length < *best) {
            *inbox = Some((length, tour));
        }
        Ok(())
    }
}
