//! The scheduler's settings: defaults, each with its reason, and what makes no sense.

use std::time::Duration;

use crate::Limits;

/// The settings of a scheduler.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Config {
    /// How many tasks run side by side: 1 to [`Config::MAX_SLOTS`]. No default.
    pub slots: usize,
    /// How many slots expansion leaves empty, so that a request need not evict. Less than `slots`.
    pub expansion_slot_buffer: usize,
    /// How often every family is asked again and slots are rebalanced. `None`: only when called for. Not zero.
    pub expansion_period: Option<Duration>,
    /// How long a stopped task has to end before its slot counts as wedged. Not zero.
    pub kill_timeout: Duration,
    /// How many stopped tasks may leave their slot to a request while still winding down.
    pub eviction_overlap: usize,
    /// How many slots may be wedged before the server counts as unhealthy. `None` means half of them.
    pub max_wedged_slots: Option<usize>,
    /// How many offers are held, waiting and running together.
    pub max_offers: usize,
    /// How many bytes of offers are held, headers and bodies together.
    pub max_offer_bytes: usize,
    /// How often messages are tried.
    pub limits: Limits,
}

impl Config {
    /// The greatest number of slots: 2^20, far above any machine, and low enough to catch a slip of the pen.
    pub const MAX_SLOTS: usize = 1 << 20;

    /// The default settings, for this many slots.
    pub const fn new(slots: usize) -> Self {
        Self {
            slots,
            // A request evicts within milliseconds, so a slot kept empty would only be idle.
            expansion_slot_buffer: 0,
            // Spare slots are filled at once; the period only repeats what was declined, and that can wait a second.
            expansion_period: Some(Duration::from_secs(1)),
            // Long enough for a loop that looks at its stop rarely, short enough that a request's wait stays bearable.
            kill_timeout: Duration::from_secs(5),
            // Overlap runs more tasks than slots for a moment: a choice the user has to make.
            eviction_overlap: 0,
            // A server that has lost more than half of what it was provisioned for is better replaced.
            max_wedged_slots: None,
            // Enough for every server of a large fleet to offer something; a megabyte of headers each would be 1 GiB,
            // hence the second bound.
            max_offers: 1024,
            max_offer_bytes: 64 << 20,
            limits: Limits {
                // A failure that survives five tries does not pass by itself.
                max_attempts: 5,
                // Interruptions are deliveries as well, and a busy day may bring many.
                max_deliveries: 100,
                // Long enough that a failing message can't spin, short enough not to be felt.
                retry_delay: Duration::from_secs(1),
            },
        }
    }

    /// Checks that the settings make sense together.
    ///
    /// # Errors
    ///
    /// The first setting that makes none, with what to do about it.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.slots == 0 || self.slots > Self::MAX_SLOTS {
            return Err(ConfigError::Slots(self.slots));
        }
        if self.expansion_slot_buffer >= self.slots {
            return Err(ConfigError::Buffer { buffer: self.expansion_slot_buffer, slots: self.slots });
        }
        if self.expansion_period.is_some_and(|period| period.is_zero()) {
            return Err(ConfigError::ExpansionPeriod);
        }
        if self.kill_timeout.is_zero() {
            return Err(ConfigError::KillTimeout);
        }
        if self.limits.max_attempts == 0 {
            return Err(ConfigError::MaxAttempts);
        }
        if self.limits.max_deliveries < self.limits.max_attempts {
            return Err(ConfigError::MaxDeliveries {
                deliveries: self.limits.max_deliveries,
                attempts: self.limits.max_attempts,
            });
        }
        Ok(())
    }
}

/// A setting that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No slots, or too many.
    #[error("{0} slots: a server needs 1 to {max}", max = Config::MAX_SLOTS)]
    Slots(usize),
    /// A buffer that leaves nothing to expand into.
    #[error(
        "an expansion_slot_buffer of {buffer} with {slots} slots never lets anything expand: it must be less"
    )]
    Buffer {
        /// The buffer asked for.
        buffer: usize,
        /// The slots there are.
        slots: usize,
    },
    /// A period of zero.
    #[error("an expansion_period of zero would never rest: leave it out to expand only when called for")]
    ExpansionPeriod,
    /// A kill timeout of zero.
    #[error("a kill_timeout of zero lets no task end in time: give it at least a few milliseconds")]
    KillTimeout,
    /// No attempt allowed.
    #[error("max_attempts of 0 lets no message be tried: it must be at least 1")]
    MaxAttempts,
    /// Fewer deliveries than attempts.
    #[error(
        "max_deliveries of {deliveries} is less than max_attempts of {attempts}: each attempt is a delivery"
    )]
    MaxDeliveries {
        /// The deliveries allowed.
        deliveries: u32,
        /// The attempts allowed.
        attempts: u32,
    },
}
