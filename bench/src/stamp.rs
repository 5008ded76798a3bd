//! The time of an event that happens on another thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Keeps the time of the latest event. Times count from when this was made.
#[derive(Debug)]
pub(crate) struct Stamp {
    base: Instant,
    latest: AtomicU64,
}

impl Default for Stamp {
    fn default() -> Self {
        Self { base: Instant::now(), latest: AtomicU64::new(0) }
    }
}

impl Stamp {
    /// It happens now.
    pub(crate) fn mark(&self) {
        let now = u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.latest.fetch_max(now, Ordering::SeqCst);
    }

    /// How long after `call` the latest event was. Zero if it was before.
    pub(crate) fn since(&self, call: Instant) -> Duration {
        let latest = self.base + Duration::from_nanos(self.latest.load(Ordering::SeqCst));
        latest.saturating_duration_since(call)
    }
}
