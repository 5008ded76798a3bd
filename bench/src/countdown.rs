//! Waiting until something happened so often: whoever counts takes one atomic step, and only the last wakes anybody.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts down to zero. One waits for it at a time.
#[derive(Debug, Default)]
pub(crate) struct Countdown {
    left: AtomicUsize,
    zero: Notify,
}

impl Countdown {
    /// From here on so many are waited for. More than zero.
    pub(crate) fn expect(&self, count: usize) {
        self.left.store(count, Ordering::SeqCst);
    }

    /// It happened once. Ignored if nothing is waited for.
    pub(crate) fn count(&self) {
        let before = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if before == Ok(1) {
            self.zero.notify_one();
        }
    }

    /// Resolves once for each time that zero is reached.
    pub(crate) async fn done(&self) {
        self.zero.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_one_wakes_who_waits_and_more_do_no_harm() {
        let countdown = Countdown::default();
        countdown.count();
        countdown.expect(2);
        countdown.count();
        assert_eq!(countdown.left.load(Ordering::SeqCst), 1);
        countdown.count();
        countdown.count();
        countdown.done().await;
    }
}
