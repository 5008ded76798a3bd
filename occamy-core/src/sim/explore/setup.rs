//! What is explored: how many slots, and what happens to them.

use std::fmt;
use std::time::Duration;

use crate::scheduler::Config;

/// A server, and all that may happen to it.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    slots: usize,
    buffer: usize,
    overlap: usize,
    /// With a period, and therefore with rebalancing.
    period: bool,
    pub(super) requests: u8,
    pub(super) offers: u8,
    /// How many assistants are created at most.
    pub(super) assistants: u8,
    /// Calls for expansion.
    pub(super) calls: u8,
    pub(super) shutdowns: u8,
    pub(super) drain: bool,
    /// Requests may run for so long and no longer.
    pub(super) max_run: bool,
}

/// Both a kill timeout and the unit in which time passes.
const KILL_TIMEOUT: Duration = Duration::from_millis(2);

impl Setup {
    /// Everything that is explored, the longest first.
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for (slots, messages) in [(3, [(3, 1), (2, 2), (4, 0)]), (2, [(2, 2), (1, 3), (4, 0)])] {
            for (requests, offers) in messages {
                for (buffer, overlap) in [(0, 1), (0, 0), (1, 1), (1, 0)] {
                    // As many as can be explored in a minute.
                    let assistants = if slots == 2 {
                        3
                    } else if offers == 2 && overlap == 1 {
                        1
                    } else {
                        2
                    };
                    let plain = Self { slots, buffer, overlap, requests, offers, assistants, ..Self::PLAIN };
                    all.push(plain);
                }
            }
        }
        for overlap in [0, 1] {
            let two = Self { slots: 2, overlap, ..Self::PLAIN };
            all.push(Self { requests: 2, offers: 1, assistants: 1, calls: 1, drain: true, ..two });
            all.push(Self { requests: 3, assistants: 1, max_run: true, ..two });
            all.push(Self { slots: 1, requests: 2, offers: 2, ..two });
            // Rebalancing.
            let period = Self { period: true, shutdowns: 1, ..two };
            all.push(Self { requests: 2, offers: 1, assistants: 2, ..period });
            all.push(Self { requests: 1, offers: 2, assistants: 2, ..period });
            all.push(Self { slots: 3, requests: 2, assistants: 3, ..period });
            all.push(Self { slots: 3, buffer: 1, requests: 1, offers: 2, assistants: 2, ..period });
        }
        all
    }

    /// A small one, for a test that is run often.
    pub fn small() -> Self {
        Self { slots: 2, overlap: 1, requests: 2, offers: 1, assistants: 1, ..Self::PLAIN }
    }

    const PLAIN: Self = Self {
        slots: 1,
        buffer: 0,
        overlap: 0,
        period: false,
        requests: 0,
        offers: 0,
        assistants: 0,
        calls: 0,
        shutdowns: 2,
        drain: false,
        max_run: false,
    };

    pub(super) fn config(&self) -> Config {
        let mut config = Config::new(self.slots);
        config.expansion_slot_buffer = self.buffer;
        config.eviction_overlap = self.overlap;
        config.expansion_period = self.period.then_some(KILL_TIMEOUT);
        config.kill_timeout = KILL_TIMEOUT;
        config.max_offers = 2;
        config.limits.max_attempts = 2;
        config
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slots, buffer, overlap, requests, offers, assistants, calls, shutdowns, .. } = self;
        write!(
            f,
            "{slots} slots, buffer {buffer}, overlap {overlap}, {requests} requests, {offers} offers, "
        )?;
        write!(f, "{assistants} assistants, {calls} calls, {shutdowns} shutdowns")?;
        for (on, name) in [(self.period, "period"), (self.drain, "drain"), (self.max_run, "max_run")] {
            if on {
                write!(f, ", {name}")?;
            }
        }
        Ok(())
    }
}
