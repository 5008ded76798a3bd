//! What is seen of requests: when they are published, and when their tasks start.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// The digits with which a body begins, and all of it.
const DIGITS: usize = 20;
const SIZE: usize = 256;

#[derive(Debug)]
pub(crate) struct Tally {
    base: Instant,
    first: OnceLock<Instant>,
    /// From publishing to the start of the task, in nanoseconds.
    starts: Mutex<Vec<u64>>,
    left: AtomicUsize,
    zero: Notify,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            // No time that is told is zero.
            base: Instant::now() - Duration::from_nanos(1),
            first: OnceLock::new(),
            starts: Mutex::default(),
            left: AtomicUsize::new(0),
            zero: Notify::new(),
        }
    }
}

impl Tally {
    /// The body of a request whose start is not timed.
    pub(crate) fn unstamped() -> String {
        body(0)
    }

    /// The body of a request that is published now.
    pub(crate) fn stamped(&self) -> String {
        body(self.now())
    }

    /// The first statement of a task. It is the only one, too: what a worker does after it tells nobody.
    pub(crate) fn started(&self, body: &str) {
        self.first.get_or_init(Instant::now);
        let published: u64 = body[..DIGITS].parse().unwrap_or_default();
        if published > 0 {
            let start = self.now() - published;
            self.starts.lock().unwrap_or_else(PoisonError::into_inner).push(start);
        }
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.zero.notify_one();
        }
    }

    /// From here on so many starts are waited for.
    pub(crate) fn expect(&self, requests: usize) {
        self.left.store(requests, Ordering::SeqCst);
    }

    /// Resolves when as many tasks have started as were expected: how long after the first.
    pub(crate) async fn done(&self) -> Duration {
        self.zero.notified().await;
        self.first.get().map(Instant::elapsed).unwrap_or_default()
    }

    pub(crate) fn starts(&self) -> Vec<u64> {
        self.starts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

fn body(published: u64) -> String {
    let mut body = format!("{published:020}");
    body.extend(std::iter::repeat_n('.', SIZE - DIGITS));
    body
}
