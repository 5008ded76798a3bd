//! The settings of the embedded broker and their defaults.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::MemoryBroker;

/// Builds a [`MemoryBroker`] with other settings than the default ones.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it builds"]
pub struct MemoryBrokerBuilder {
    pub(super) lease: Duration,
    pub(super) max_message: usize,
    pub(super) outbox: usize,
    pub(super) control_queue: usize,
    pub(super) pause: Duration,
    pub(super) latency: RangeInclusive<Duration>,
}

impl Default for MemoryBrokerBuilder {
    fn default() -> Self {
        Self {
            // As long as JetStream's default ack wait.
            lease: Duration::from_secs(30),
            // NATS takes a megabyte unless told otherwise; what passes here should pass there.
            max_message: 1 << 20,
            outbox: 1024,
            // What async-nats buffers for a subscription.
            control_queue: 65_536,
            // Long enough for another server to come first, short enough not to be felt by a lone one.
            pause: Duration::from_millis(100),
            latency: Duration::ZERO..=Duration::ZERO,
        }
    }
}

impl MemoryBrokerBuilder {
    /// How long the requests of a server stay its own after the connection with it was [cut](super::Faults::cut). 30 s
    /// by default.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// The largest message that is taken, headers and body together, in bytes. 1 MiB by default.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self
    }

    /// How many messages an outbox holds at most. At least 1, so 0 counts as 1; 1,024 by default.
    pub fn outbox(mut self, messages: usize) -> Self {
        self.outbox = messages.max(1);
        self
    }

    /// How many control messages wait for one server at most. At least 1, so 0 counts as 1; 65,536 by default. When more
    /// come the oldest are dropped, counted in [`controls_dropped`](super::Counts::controls_dropped), and
    /// [observed](occamy_core::Observation::ControlMessagesDropped): a server that is so far behind must not fill the
    /// memory, and in progress reports it is the newest that matter.
    pub fn control_queue(mut self, messages: usize) -> Self {
        self.control_queue = messages.max(1);
        self
    }

    /// How long a request that was handed back as interrupted is kept for other servers: the one that gave it back can
    /// have it again only then. One handed back as busy is kept from everybody, for half to one and a half times as
    /// long. 100 ms by default.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// How long it takes to publish a message or to settle a request: each a random time from this range. None by
    /// default. See also [`Faults::set_latency`](super::Faults::set_latency).
    pub fn latency(mut self, latency: RangeInclusive<Duration>) -> Self {
        self.latency = latency;
        self
    }

    /// Builds the broker.
    pub fn build(self) -> MemoryBroker {
        MemoryBroker::with(self)
    }
}
