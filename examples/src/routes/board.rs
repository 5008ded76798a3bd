//! What a client knows of each of its requests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Job;
use super::news::News;
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
    /// True once the result is there.
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

    /// Takes in news of a request, if it is one of ours. One that was handed back before keeps its first start.
    pub(super) fn hear(&self, request: &str, news: News) {
        let mut rows = self.rows();
        let Some(row) = rows.get_mut(request) else { return };
        row.start_latency.get_or_insert(news.start_latency);
        if let Some((length, tour)) = news.best
            && row.best.as_ref().is_none_or(|(best, _)| length < *best)
        {
            row.best = Some((length, tour));
        }
        row.finished |= news.finished;
    }

    /// How many cities the tour of a request has, if it is one of ours.
    pub(super) fn cities(&self, request: &str) -> Option<usize> {
        Some(self.rows().get(request)?.job.instance.dimension())
    }

    /// All requests, in the order of their ids.
    pub fn all(&self) -> Vec<Row> {
        self.rows().values().cloned().collect()
    }

    /// How many requests there are.
    pub(super) fn sent_so_far(&self) -> usize {
        self.rows().len()
    }

    /// What to say of each request without a result, when nothing has been heard of any for so long.
    pub(super) fn missing(&self, silence: Duration) -> Vec<String> {
        let rows = self.rows();
        let missing = rows.values().filter(|row| !row.finished);
        let says = missing.map(|row| {
            let so_far = match (row.start_latency, &row.best) {
                (None, _) => "no server has begun it",
                (Some(_), None) => "it was begun, and has no tour",
                (Some(_), Some(_)) => "the tour is the best that was heard of",
            };
            format!("{}: no result, and no news for {silence:?}; {so_far}", row.job.request)
        });
        says.collect()
    }

    /// How many requests are done.
    pub fn ended(&self) -> usize {
        self.rows().values().filter(|row| row.finished).count()
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
