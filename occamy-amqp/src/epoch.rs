//! The deliveries of one connection, which are ours for as long as that lasts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use occamy_core::LeaseWatch;
use tokio_util::sync::CancellationToken;

/// What one connection has brought and is not settled. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Epoch {
    state: Arc<Mutex<State>>,
    /// For who waits.
    gone: CancellationToken,
}

#[derive(Default)]
struct State {
    /// The connection is gone, and RabbitMQ hands all of it out again.
    lost: bool,
    last: u64,
    /// The last one that the consumers of before have brought.
    before: u64,
    /// Whom to tell, by delivery.
    deliveries: BTreeMap<u64, Vec<LeaseWatch>>,
}

impl Epoch {
    /// A delivery has come. It belongs here until it is [ended](Self::end).
    pub(crate) fn begin(&self) -> u64 {
        let mut state = self.state();
        state.last += 1;
        let key = state.last;
        state.deliveries.insert(key, Vec::new());
        key
    }

    /// It is settled, or given back: nobody is told any more.
    pub(crate) fn end(&self, key: u64) {
        let ended = self.state().deliveries.remove(&key);
        // Dropping the callbacks may run code that isn't ours: not under the lock.
        drop(ended);
    }

    /// How many deliveries of the consumers that there are now are not ended.
    pub(crate) fn unsettled(&self) -> usize {
        let state = self.state();
        state.deliveries.range(state.before + 1..).count()
    }

    /// From here on other consumers bring the deliveries.
    pub(crate) fn renew(&self) {
        let mut state = self.state();
        state.before = state.last;
    }

    /// Calls `lost` when the connection is gone: at once if it is.
    pub(crate) fn watch(&self, key: u64, lost: LeaseWatch) {
        let mut state = self.state();
        if !state.lost
            && let Some(watches) = state.deliveries.get_mut(&key)
        {
            return watches.push(lost);
        }
        drop(state);
        lost();
    }

    /// True if the connection is gone.
    pub(crate) fn is_lost(&self) -> bool {
        self.state().lost
    }

    /// Resolves when the connection is gone.
    pub(crate) async fn lost(&self) {
        self.gone.cancelled().await;
    }

    /// The connection is gone. Returns whom to tell.
    #[must_use = "somebody wants to know"]
    pub(crate) fn lose(&self) -> Vec<LeaseWatch> {
        let deliveries = {
            let mut state = self.state();
            state.lost = true;
            std::mem::take(&mut state.deliveries)
        };
        self.gone.cancel();
        deliveries.into_values().flatten().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock leaves it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn counter() -> (Arc<AtomicUsize>, LeaseWatch) {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let watch = move || {
            counted.fetch_add(1, Ordering::Relaxed);
        };
        (count, Arc::new(watch))
    }

    #[test]
    fn what_consumers_of_before_have_brought_does_not_count() {
        let epoch = Epoch::default();
        let _before = epoch.begin();
        epoch.renew();
        assert_eq!(epoch.unsettled(), 0);
        let now = epoch.begin();
        assert_eq!(epoch.unsettled(), 1);
        epoch.end(now);
        assert_eq!((epoch.unsettled(), epoch.lose().len()), (0, 0));
    }

    #[test]
    fn who_watches_hears_once_of_the_loss_and_not_of_what_is_settled() {
        let epoch = Epoch::default();
        let (settled, held) = (epoch.begin(), epoch.begin());
        let (of_settled, watch) = counter();
        epoch.watch(settled, watch);
        let (of_held, watch) = counter();
        epoch.watch(held, watch);
        epoch.end(settled);
        assert_eq!((epoch.unsettled(), epoch.is_lost()), (1, false));
        epoch.lose().iter().for_each(|lost| lost());
        assert!(epoch.lose().is_empty());
        assert!(epoch.is_lost());
        let (late, watch) = counter();
        epoch.watch(held, watch);
        let counts = [&of_settled, &of_held, &late].map(|count| count.load(Ordering::Relaxed));
        assert_eq!(counts, [0, 1, 1]);
        assert_eq!(Arc::strong_count(&of_settled), 1, "the callback is gone");
    }
}
