//! Faults on demand, for tests.

use std::ops::RangeInclusive;
use std::time::Duration;

use tokio::time::Instant;

use super::MemoryBroker;
use super::state::State;
use super::timers::Timer;

/// Makes things go wrong on a [`MemoryBroker`], for tests. A clone is cheap, and for the same broker.
///
/// Servers are named as they were when they [connected](MemoryBroker::connect). A name that several have means each of
/// them, and one that nobody has means nothing.
#[derive(Clone, Debug)]
pub struct Faults(MemoryBroker);

/// What is to go wrong.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) stopped: bool,
    settlements: usize,
    publishes: usize,
    duplicates: usize,
}

impl Faults {
    pub(super) fn new(broker: MemoryBroker) -> Self {
        Self(broker)
    }

    /// Stops the broker: nothing is handed out, and settlements and messages fail at once. It keeps what it has, as a
    /// broker does that comes back with its disk, and requests stay with their servers. Servers are told that they are
    /// disconnected.
    pub fn stop(&self) {
        self.0.change(|state| {
            state.faults.stopped = true;
            state.announce();
        });
    }

    /// Starts the broker again. What was dropped meanwhile, or could not be settled, is handed out again.
    pub fn start(&self) {
        self.0.change(|state| {
            state.faults.stopped = false;
            state.collect_orphans();
            for link in state.links.values() {
                state.effects.wake(&link.controls);
            }
            state.announce();
        });
    }

    /// Cuts the connection with a server: it gets nothing, and what it settles or sends fails at once. When its
    /// [lease](super::MemoryBrokerBuilder::lease) is over, before it is [restored](Self::restore), its requests go to
    /// others. So this is also how a server dies whose host vanishes; one that is dropped leaves at once.
    ///
    /// To be called within the runtime, if its clock is paused: the lease begins to run out at the time of the caller.
    pub fn cut(&self, server: &str) {
        let (now, lease) = (Instant::now(), self.0.settings().lease);
        self.for_each(server, |state, id| {
            let Some(link) = state.links.get_mut(&id).filter(|link| !link.cut) else { return };
            link.cut = true;
            link.cuts += 1;
            let cut = link.cuts;
            state.timers.set(now, lease, Timer::LeasesEnd { link: id, cut });
            state.waiting_changed(id);
        });
    }

    /// Restores the connection with a server. What it had is still its own, unless the lease was over.
    pub fn restore(&self, server: &str) {
        self.for_each(server, |state, id| {
            let Some(link) = state.links.get_mut(&id) else { return };
            link.cut = false;
            state.effects.wake(&link.controls);
            state.waiting_changed(id);
            // All in one change, so that it is given nothing new before this has gone back.
            state.collect_orphans();
            state.remove_gone();
        });
    }

    /// Lets the leases of a server run out now, though it is connected: it is told, and its requests are handed out again.
    pub fn expire_leases(&self, server: &str) {
        self.for_each(server, State::expire);
    }

    /// Hands out again what a server has, without telling it, as a broker may do that delivers at least once: the server
    /// learns of it when it settles.
    pub fn redeliver(&self, server: &str) {
        self.for_each(server, State::expire_silently);
    }

    /// Lets the next settlements fail, so many of them. Their requests are handed out again.
    pub fn fail_settlements(&self, count: usize) {
        self.0.change(|state| state.faults.settlements = count);
    }

    /// Lets the next messages fail, so many of them. They are not sent.
    pub fn fail_publishes(&self, count: usize) {
        self.0.change(|state| state.faults.publishes = count);
    }

    /// Stores the next requests twice, so many of them, as when a client repeats one because it never heard that it
    /// arrived.
    pub fn duplicate_requests(&self, count: usize) {
        self.0.change(|state| state.faults.duplicates = count);
    }

    /// From here on it takes a random time from this range to publish a message or to settle a request.
    pub fn set_latency(&self, latency: RangeInclusive<Duration>) {
        self.0.change(|state| state.latency = latency);
    }

    fn for_each(&self, server: &str, fault: impl Fn(&mut State, u64)) {
        self.0.change(|state| {
            let named = state.links.iter().filter(|(_, link)| &*link.name == server);
            let named: Vec<u64> = named.map(|(&id, _)| id).collect();
            for id in named {
                fault(state, id);
            }
            state.announce();
        });
    }
}

impl Pending {
    pub(super) fn fails_settlement(&mut self) -> bool {
        take_one(&mut self.settlements)
    }

    pub(super) fn fails_publish(&mut self) -> bool {
        take_one(&mut self.publishes)
    }

    pub(super) fn duplicates_request(&mut self) -> bool {
        take_one(&mut self.duplicates)
    }
}

fn take_one(count: &mut usize) -> bool {
    let any = *count > 0;
    *count = count.saturating_sub(1);
    any
}
