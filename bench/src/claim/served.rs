//! The server as its users have it: expansion, eviction and all else by default.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use occamy_core::{BoxTask, Error, ErrorKind, Handler, Headers, Task, TaskContext, TaskDetails};
use occamy_runtime::Server;

use super::crew::{Crew, Open};
use super::job::{Job, Stopped};
use crate::kind::Kind;
use crate::letter::Letter;
use crate::roles::Roles;
use crate::stage;

/// The header that says which job a request is.
const JOB: &str = "job";

/// A server with the jobs that were handed to it.
pub(super) struct Served {
    server: Server,
    jobs: Jobs,
}

impl Served {
    /// A server whose threads have been started. It may let so many victims wind down beside its slots.
    pub(super) async fn open(slots: usize, overlap: usize) -> anyhow::Result<Self> {
        let jobs = Jobs::default();
        let elastic = Elastic { jobs: Arc::clone(&jobs), others: stage::roles(Kind::Threads, slots) };
        let server = Server::builder(elastic).name("bench").slots(slots).eviction_overlap(overlap).build()?;
        stage::warm_up(&server, slots).await?;
        Ok(Self { server, jobs })
    }

    pub(super) async fn close(self) -> anyhow::Result<()> {
        stage::close(self.server).await
    }
}

impl Crew for Served {
    fn take(&self, job: Arc<Job>, open: &Arc<Open>) {
        let index = {
            let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
            jobs.push(job);
            i64::try_from(jobs.len() - 1).unwrap_or(i64::MAX)
        };
        let open = Arc::clone(open);
        let letter = Letter::with_headers(Headers::new().with(JOB, index), "", move |_| open.close());
        self.server.handle_request(Box::new(letter));
    }
}

type Jobs = Arc<Mutex<Vec<Arc<Job>>>>;

/// Makes a master of each job.
struct Elastic {
    jobs: Jobs,
    others: Roles,
}

impl Handler for Elastic {
    fn handle(&self, headers: &Headers, body: &Bytes) -> Result<BoxTask, Error> {
        let Some(index) = headers.optional_integer(JOB)? else { return self.others.handle(headers, body) };
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let job = usize::try_from(index).ok().and_then(|index| jobs.get(index));
        let job = Arc::clone(job.ok_or_else(|| Error::new(ErrorKind::InvalidHeaders, "no such job"))?);
        Ok(Hand { job, leads: true }.into())
    }
}

/// A task that works on a job: its master or an assistant.
struct Hand {
    job: Arc<Job>,
    leads: bool,
}

impl Task for Hand {
    fn details(&self) -> TaskDetails {
        TaskDetails::default()
    }

    fn run(&self, cx: &TaskContext) -> Result<(), Error> {
        if self.leads {
            self.job.lead();
            return Ok(());
        }
        self.job.assist(|| cx.is_stopped()).map_err(|Stopped| Error::interrupted())
    }

    /// As many as there are pieces for.
    fn expand(&self, limit: usize) -> Vec<BoxTask> {
        let assistant = || Hand { job: Arc::clone(&self.job), leads: false }.into();
        std::iter::repeat_with(assistant).take(limit.min(self.job.untaken_pieces())).collect()
    }
}
