//! What is known of each request, for whoever sent it: here a table in the same process, elsewhere a database or a reply.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::Job;
use crate::tsp::{Tour, gap_percent, known_optimum};

/// The table of requests. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<BTreeMap<Arc<str>, Row>>>);

/// One request.
#[derive(Clone, Debug)]
pub struct Row {
    /// The instance to be solved.
    pub job: Job,
    /// The length of a shortest tour, if it is known.
    pub optimum: Option<i64>,
    /// From sending to the first statement of its task; `None` until then.
    pub start_latency: Option<Duration>,
    /// The best tour so far, with its length.
    pub best: Option<(i64, Tour)>,
    /// True once its task has ended.
    pub finished: bool,
}

impl Row {
    /// By how many per cent the best tour is longer than a shortest; `None` while either is unknown.
    pub fn gap(&self) -> Option<f64> {
        let (length, _) = self.best.as_ref()?;
        Some(gap_percent(*length, self.optimum?))
    }
}

impl Board {
    /// Enters a request that is about to be sent.
    pub fn sent(&self, job: Job) {
        let optimum = known_optimum(job.instance.name());
        let id = Arc::clone(&job.request);
        self.rows().insert(id, Row { job, optimum, start_latency: None, best: None, finished: false });
    }

    /// The task of a request runs. One that was handed back before keeps its first start.
    pub(super) fn started(&self, job: &Job) {
        let latency = SystemTime::now().duration_since(job.sent).unwrap_or_default();
        self.change(&job.request, |row| {
            row.start_latency.get_or_insert(latency);
        });
    }

    /// There is a better tour.
    pub(super) fn improved(&self, request: &str, length: i64, tour: &Tour) {
        self.change(request, |row| {
            if row.best.as_ref().is_none_or(|(best, _)| length < *best) {
                row.best = Some((length, tour.clone()));
            }
        });
    }

    /// The request is done.
    pub(super) fn finished(&self, request: &str, length: i64, tour: &Tour) {
        self.improved(request, length, tour);
        self.change(request, |row| row.finished = true);
    }

    /// The optimum of a request's instance, if it is known.
    pub(super) fn optimum(&self, request: &str) -> Option<i64> {
        self.rows().get(request)?.optimum
    }

    /// All requests, in the order of their ids.
    pub fn all(&self) -> Vec<Row> {
        self.rows().values().cloned().collect()
    }

    /// How many requests are done.
    pub fn ended(&self) -> usize {
        self.rows().values().filter(|row| row.finished).count()
    }

    fn change(&self, request: &str, change: impl FnOnce(&mut Row)) {
        if let Some(row) = self.rows().get_mut(request) {
            change(row);
        }
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
