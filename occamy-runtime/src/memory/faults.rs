//! Faults on demand, for tests.

use std::ops::RangeInclusive;
use std::sync::Weak;
use std::time::Duration;

use occamy_core::{BrokerEvent, Observation};

use super::MemoryBroker;
use super::message::{ObserverCell, tell};
use super::state::{Connection, State};

/// What is to go wrong.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) stopped: bool,
    settlements: usize,
    publishes: usize,
    latency: Option<RangeInclusive<Duration>>,
    /// Who is told of lost connections.
    pub(super) observers: Vec<(u64, Weak<ObserverCell>)>,
}

impl Pending {
    pub(super) fn refuses_settlement(&mut self, connection: Option<&Connection>) -> bool {
        let unreachable = self.stopped || connection.is_none_or(|connection| connection.cut);
        unreachable || take_one(&mut self.settlements)
    }

    pub(super) fn refuses_publish(&mut self) -> bool {
        self.stopped || take_one(&mut self.publishes)
    }
}

fn take_one(count: &mut usize) -> bool {
    let any = *count > 0;
    *count = count.saturating_sub(1);
    any
}

/// Makes things go wrong on a [`MemoryBroker`], for tests.
#[derive(Clone, Debug)]
pub struct Faults(MemoryBroker);

impl Faults {
    pub(super) fn new(broker: MemoryBroker) -> Self {
        Self(broker)
    }

    /// Stops the broker: nothing is handed out, settlements and messages are refused. What is unsettled stays with its
    /// servers, as on a broker that comes back with its disk.
    pub fn stop(&self) {
        self.tell_all(BrokerEvent::Disconnected, |state| std::mem::replace(&mut state.faults.stopped, true));
    }

    /// Starts the broker again. What could not be settled meanwhile is handed out again.
    pub fn start(&self) {
        self.tell_all(BrokerEvent::Reconnected, |state| {
            let running = !std::mem::replace(&mut state.faults.stopped, false);
            state.collect_orphans();
            running
        });
    }

    /// Cuts the connection with a server. When its lease is over, before it is [restored](Self::restore), its requests go
    /// to others.
    pub fn cut(&self, server: &str) {
        let lease = self.0.settings().lease;
        for (id, cut) in self.change_named(server, BrokerEvent::Disconnected, |connection| {
            connection.cut = true;
            connection.cuts += 1;
            connection.cuts
        }) {
            self.0.change_later(lease, move |state| {
                let still = state.connections.get(&id).is_none_or(|now| now.cut && now.cuts == cut);
                if still {
                    state.expire(id);
                }
            });
        }
    }

    /// Restores the connection with a server.
    pub fn restore(&self, server: &str) {
        self.change_named(server, BrokerEvent::Reconnected, |connection| {
            connection.cut = false;
            connection.wake.notify_waiters();
        });
        self.0.change(State::collect_orphans);
    }

    /// Lets the leases of a server run out now, though it is connected.
    pub fn expire_leases(&self, server: &str) {
        self.0.change(|state| {
            let ids: Vec<u64> = named(state, server).collect();
            for id in ids {
                state.expire(id);
            }
        });
    }

    /// Refuses the next settlements, so many of them. Their requests are handed out again.
    pub fn fail_settlements(&self, count: usize) {
        self.0.change(|state| state.faults.settlements = count);
    }

    /// Refuses the next messages, so many of them.
    pub fn fail_publishes(&self, count: usize) {
        self.0.change(|state| state.faults.publishes = count);
    }

    /// Makes every settlement and message take a random time from this range.
    pub fn set_latency(&self, latency: RangeInclusive<Duration>) {
        self.0.change(|state| state.faults.latency = Some(latency));
    }

    fn tell_all(&self, event: BrokerEvent, change: impl FnOnce(&mut State) -> bool) {
        let observers = self.0.change(|state| {
            let unchanged = change(state);
            if unchanged { Vec::new() } else { state.faults.observers.clone() }
        });
        for observer in observers.iter().filter_map(|(_, observer)| observer.upgrade()) {
            tell(&observer, &Observation::Broker(event));
        }
    }

    fn change_named<T>(
        &self,
        server: &str,
        event: BrokerEvent,
        change: impl Fn(&mut Connection) -> T,
    ) -> Vec<(u64, T)> {
        let (results, observers) = self.0.change(|state| {
            let ids: Vec<u64> = named(state, server).collect();
            let observers: Vec<_> =
                state.faults.observers.iter().filter(|(id, _)| ids.contains(id)).cloned().collect();
            let results: Vec<(u64, T)> = ids
                .into_iter()
                .filter_map(|id| Some((id, change(state.connections.get_mut(&id)?))))
                .collect();
            (results, observers)
        });
        for observer in observers.iter().filter_map(|(_, observer)| observer.upgrade()) {
            tell(&observer, &Observation::Broker(event));
        }
        results
    }
}

fn named<'a>(state: &'a State, server: &'a str) -> impl Iterator<Item = u64> + 'a {
    state.connections.iter().filter(move |(_, connection)| &*connection.name == server).map(|(&id, _)| id)
}

impl MemoryBroker {
    /// How long the next settlement or message is to take.
    pub(super) fn latency(&self) -> Duration {
        match &self.lock().faults.latency {
            Some(range) => {
                let (from, to) = (*range.start(), *range.end());
                from + to.saturating_sub(from).mul_f64(fastrand::f64())
            }
            None => Duration::ZERO,
        }
    }
}
