//! Time in a counter that takes whole numbers.
//!
//! The counters of the `metrics` facade are integers, and a gauge under the name of a total would be declared as a gauge.
//! So only whole seconds are counted, and what is left over is carried to the next time: a counter is never wrong by a
//! second or more, and doesn't go wrong over time.

use std::time::Duration;

use metrics::Counter;

const NANOS: u128 = 1_000_000_000;

/// A counter of whole seconds.
#[derive(Debug)]
pub(crate) struct Seconds {
    counter: Counter,
    /// What is not counted yet: less than a second.
    carried: u128,
}

impl Seconds {
    pub(crate) fn new(counter: Counter) -> Self {
        Self { counter, carried: 0 }
    }

    /// Adds this time, so many times.
    pub(crate) fn add(&mut self, time: Duration, times: usize) {
        if times == 0 {
            return;
        }
        // At most 2^64 s of 2^30 ns, 2^20 times.
        self.carried += time.as_nanos() * times as u128;
        if self.carried >= NANOS {
            self.counter.increment(u64::try_from(self.carried / NANOS).unwrap_or(u64::MAX));
            self.carried %= NANOS;
        }
    }
}
