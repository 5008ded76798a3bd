//! How the timekeeper is told to look again.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Rings when a deadline comes nearer, or when a task wants an expansion.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    notify: Notify,
    /// A task asked for an expansion.
    expansion_wanted: AtomicBool,
}

impl Alarm {
    /// The next deadline has come nearer.
    pub(crate) fn rearm(&self) {
        self.notify.notify_one();
    }

    /// Expansion is wanted, once, however often this is called before it comes.
    pub(crate) fn expand_soon(&self) {
        if !self.expansion_wanted.swap(true, Ordering::AcqRel) {
            self.notify.notify_one();
        }
    }

    /// True once after an expansion was wanted.
    pub(crate) fn take_wanted(&self) -> bool {
        self.expansion_wanted.swap(false, Ordering::AcqRel)
    }

    /// Resolves when it rings, at once if it did since the last time.
    pub(crate) async fn rings(&self) {
        self.notify.notified().await;
    }
}
