//! What is seen of requests: when they are published, when their tasks start, and that they are settled.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};

use crate::countdown::Countdown;

/// How large a request is, in bytes.
const SIZE: usize = 256;
/// In the body of a request that nobody times.
const UNTIMED: u64 = 0;

/// Counts and times the requests of one process.
#[derive(Debug)]
pub(super) struct Tally {
    base: Instant,
    /// When the first task has started.
    first: OnceLock<Instant>,
    /// From publishing to the start of the task.
    starts: Mutex<Vec<Duration>>,
    unsettled: Countdown,
    refused: AtomicUsize,
}

impl Default for Tally {
    fn default() -> Self {
        // No time that is told is zero.
        let base = Instant::now() - Duration::from_nanos(1);
        Self {
            base,
            first: OnceLock::new(),
            starts: Mutex::default(),
            unsettled: Countdown::default(),
            refused: AtomicUsize::new(0),
        }
    }
}

impl Tally {
    /// The body of a request whose start is not timed.
    pub(super) fn unstamped() -> Bytes {
        Bytes::from_static(&[0; SIZE])
    }

    /// The body of a request that is published now.
    pub(super) fn stamped(&self) -> Bytes {
        let now = u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut body = vec![0; SIZE];
        body[..size_of::<u64>()].copy_from_slice(&now.to_be_bytes());
        body.into()
    }

    /// The first statement of a task.
    pub(super) fn started(&self, mut body: &[u8]) {
        self.first.get_or_init(Instant::now);
        match body.try_get_u64() {
            Ok(UNTIMED) | Err(_) => {}
            Ok(published) => {
                let start = self.base.elapsed().saturating_sub(Duration::from_nanos(published));
                self.starts.lock().unwrap_or_else(PoisonError::into_inner).push(start);
            }
        }
    }

    /// From here on so many settlements are waited for.
    pub(super) fn expect(&self, requests: usize) {
        self.unsettled.expect(requests);
    }

    /// A settlement is through.
    pub(super) fn settled(&self) {
        self.unsettled.count();
    }

    /// A request is not done, and comes again. Once is enough to spoil the figures.
    pub(super) fn not_done(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Resolves when as many settlements are through as were expected: how long after the start of the first task.
    pub(super) async fn done(&self) -> Duration {
        self.unsettled.done().await;
        self.first.get().map(Instant::elapsed).unwrap_or_default()
    }

    /// The starts that were timed.
    pub(super) fn starts(&self) -> Vec<Duration> {
        self.starts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }
}
