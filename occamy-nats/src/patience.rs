//! How long an answer is waited for where there is no timer.

use std::mem;
use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

/// Tells all who wait that they have waited long enough: at the second [tick](Self::tick) from when they began. One clock for
/// many, and whatever they are polled on.
#[derive(Default)]
pub(crate) struct Patience(Mutex<Ends>);

#[derive(Default)]
struct Ends {
    next: CancellationToken,
    after_next: CancellationToken,
}

impl Patience {
    /// Cancelled at the second tick from now.
    pub(crate) fn begin(&self) -> CancellationToken {
        self.ends(|ends| ends.after_next.clone())
    }

    /// Time has passed.
    pub(crate) fn tick(&self) {
        let over = self.ends(|ends| {
            let next = mem::take(&mut ends.after_next);
            mem::replace(&mut ends.next, next)
        });
        over.cancel();
    }

    fn ends<T>(&self, look: impl FnOnce(&mut Ends) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_over_at_the_second_tick() {
        let patience = Patience::default();
        let first = patience.begin();
        patience.tick();
        let second = patience.begin();
        assert!(!first.is_cancelled());
        patience.tick();
        assert!(first.is_cancelled() && !second.is_cancelled());
        patience.tick();
        assert!(second.is_cancelled());
    }
}
