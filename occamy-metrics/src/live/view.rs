//! A server as it is sent to the page.

use std::sync::Arc;
use std::time::Duration;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use occamy_core::{SlotStatus, SlotUsage};
use serde::{Serialize, Serializer};

use super::State;
use super::tally::Tally;
use super::window::Window;

/// Everything that the page shows of a server.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Picture {
    #[serde(flatten)]
    facts: Facts,
    /// Every slot.
    slots: Vec<Row>,
    /// The columns there are, the oldest first.
    columns: Vec<Column>,
}

/// What has changed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Change {
    #[serde(flatten)]
    facts: Facts,
    /// The slots that are not as they were.
    slots: Vec<Row>,
    /// The columns that are new: one, unless it was late.
    columns: Vec<Column>,
}

/// A byte a slot, as `lanes.rs` says. It becomes base64 no sooner than it is written, when the lock is free.
#[derive(Clone, Debug)]
struct Column(Arc<[u8]>);

impl Serialize for Column {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(&self.0, &STANDARD))
    }
}

/// Some numbers and words of a server.
#[derive(Clone, Debug, Serialize)]
struct Facts {
    name: String,
    /// How many slots it has, of which not all may be shown.
    slot_count: usize,
    usage: Usage,
    connected: Option<bool>,
    /// For how long nothing was heard of it, in milliseconds. `None` if nothing was ever.
    silent_ms: Option<u64>,
    tally: Tally,
    wait: Quantiles,
    eviction: Quantiles,
    failures: Vec<Failure>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Usage {
    protected: usize,
    unprotected_internal: usize,
    unprotected_external: usize,
    empty: usize,
    wedged: usize,
    waiting: usize,
    leftovers: usize,
    available: usize,
    draining: bool,
    closed: bool,
    healthy: bool,
}

/// One slot. Times are in milliseconds, since the listener has started.
#[derive(Clone, Debug, Serialize)]
struct Row {
    slot: usize,
    /// One of the public four, or `stopping`, or `wedged`.
    state: &'static str,
    #[serde(flatten)]
    task: Option<Task>,
}

#[derive(Clone, Debug, Serialize)]
struct Task {
    id: Arc<str>,
    group: Arc<str>,
    status: &'static str,
    since_ms: u64,
}

/// Of the last ten minutes, in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
struct Quantiles {
    count: u64,
    p50_us: u64,
    p99_us: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Failure {
    at_ms: u64,
    group: Arc<str>,
    kind: &'static str,
    message: Arc<str>,
}

impl State {
    pub(super) fn picture(&self, name: &str, now: Duration) -> Picture {
        Picture {
            facts: self.facts(name, now),
            slots: (0..self.slots.len()).map(|slot| self.row(slot)).collect(),
            columns: self.lanes.columns().cloned().map(Column).collect(),
        }
    }

    pub(super) fn changes(&mut self, name: &str, now: Duration) -> Change {
        let changed = self.changed.iter_mut().map(std::mem::take).enumerate();
        let changed: Vec<_> = changed.filter_map(|(slot, changed)| changed.then_some(slot)).collect();
        Change {
            columns: self.lanes.fresh().cloned().map(Column).collect(),
            slots: changed.into_iter().map(|slot| self.row(slot)).collect(),
            facts: self.facts(name, now),
        }
    }

    fn facts(&self, name: &str, now: Duration) -> Facts {
        let SlotUsage {
            protected,
            unprotected_internal,
            unprotected_external,
            empty,
            wedged,
            waiting,
            leftovers,
            available,
            draining,
            closed,
            healthy,
            ..
        } = self.usage;
        let failures = self.failures.iter().map(|failure| Failure {
            at_ms: milliseconds(failure.at),
            group: Arc::clone(&failure.group),
            kind: failure.kind,
            message: Arc::clone(&failure.message),
        });
        Facts {
            name: name.to_owned(),
            slot_count: self.usage.slots(),
            usage: Usage {
                protected,
                unprotected_internal,
                unprotected_external,
                empty,
                wedged,
                waiting,
                leftovers,
                available,
                draining,
                closed,
                healthy,
            },
            connected: self.connected,
            silent_ms: self.heard.map(|heard| milliseconds(now.saturating_sub(heard))),
            tally: self.tally,
            wait: quantiles(&self.waits, now),
            eviction: quantiles(&self.evictions, now),
            failures: failures.collect(),
        }
    }

    fn row(&self, slot: usize) -> Row {
        let Some(occupant) = &self.slots[slot] else {
            return Row { slot, state: SlotStatus::Empty.as_str(), task: None };
        };
        let status = occupant.status.as_str();
        let state = match occupant {
            occupant if occupant.wedged => "wedged",
            occupant if occupant.stopping => "stopping",
            _ => status,
        };
        let (id, group) = (Arc::clone(&occupant.id), Arc::clone(&occupant.group));
        Row { slot, state, task: Some(Task { id, group, status, since_ms: milliseconds(occupant.since) }) }
    }
}

fn quantiles(window: &Window, now: Duration) -> Quantiles {
    let (count, [p50_us, p99_us]) = window.quantiles(now, [0.5, 0.99]);
    Quantiles { count, p50_us, p99_us }
}

pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
