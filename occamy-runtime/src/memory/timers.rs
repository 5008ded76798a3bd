//! Everything that the broker does later, and the one task that sleeps until then.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::state::Stored;
use super::{Inner, MemoryBroker};

/// What happens when a time has come.
pub(super) enum Timer {
    /// A request is available again.
    Return(Stored),
    /// A request that was handed back after this delivery is no longer kept for other servers.
    Share { request: u64, delivery: u64 },
    /// The leases of a connection run out, if it is still the same cut that it suffers from.
    LeasesEnd { link: u64, cut: u64 },
}

/// Timers by when they are due; then in the order in which they were set.
#[derive(Default)]
pub(super) struct Timers {
    timers: BTreeMap<(Instant, u64), Timer>,
    set: u64,
    held_back: usize,
    /// When the timekeeper wakes up by itself.
    armed: Option<Instant>,
}

impl Timers {
    pub(super) fn set(&mut self, now: Instant, delay: Duration, timer: Timer) {
        self.set += 1;
        self.held_back += usize::from(matches!(timer, Timer::Return(_)));
        self.timers.insert((later(now, delay), self.set), timer);
    }

    pub(super) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let first = self.timers.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let timer = first.remove();
        self.held_back -= usize::from(matches!(timer, Timer::Return(_)));
        Some(timer)
    }

    /// How many requests are held back.
    pub(super) fn held_back(&self) -> usize {
        self.held_back
    }

    fn next(&self) -> Option<Instant> {
        self.timers.first_key_value().map(|((at, _), _)| *at)
    }

    /// True if the timekeeper would wake up too late.
    pub(super) fn is_overslept(&self) -> bool {
        self.next().is_some_and(|next| self.armed.is_none_or(|armed| next < armed))
    }
}

/// Sleeps until something is due, and does it, until the broker is gone.
pub(super) async fn keep_time(broker: Weak<Inner>, rearm: Arc<Notify>) {
    loop {
        let next = match broker.upgrade() {
            Some(inner) => MemoryBroker(inner).change(|state| {
                let now = Instant::now();
                state.pass_time(now);
                state.timers.armed = state.timers.next();
                state.timers.armed
            }),
            None => return,
        };
        match next {
            Some(at) => {
                tokio::select! {
                    () = tokio::time::sleep_until(at) => {}
                    () = rearm.notified() => {}
                }
            }
            None => rearm.notified().await,
        }
    }
}

/// A delay too long to be represented is as good as for ever.
fn later(now: Instant, delay: Duration) -> Instant {
    const AGES: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);
    now.checked_add(delay).unwrap_or_else(|| now + AGES)
}
