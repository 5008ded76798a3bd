//! A monitor that remembers what the slots did: for the picture, and for the sum of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use occamy_core::scheduler::{StopReason, TaskKey};
use occamy_core::{Monitor, Observation, SlotStatus, SlotUsage};

use crate::picture::{Lane, Span};

/// What the slots of one server did. Clones share it.
#[derive(Clone, Debug)]
pub struct Timeline {
    server: String,
    /// The start of the picture, which all servers share.
    start: Instant,
    record: Arc<Mutex<Record>>,
}

#[derive(Debug, Default)]
struct Record {
    lanes: Vec<Lane>,
    /// Where in the lanes the running tasks are: slot and span.
    running: BTreeMap<TaskKey, (usize, usize)>,
    requests: usize,
    assistants: BTreeMap<Arc<str>, BTreeSet<TaskKey>>,
    evictions: usize,
    usage: SlotUsage,
    time: SlotTime,
}

/// What the time of all slots went to, added up over them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotTime {
    /// Requests.
    pub protected: Duration,
    /// Their assistants on the same server.
    pub unprotected_internal: Duration,
    /// Offers, and what they expanded into.
    pub unprotected_external: Duration,
    /// Nothing.
    pub empty: Duration,
}

impl SlotTime {
    /// The share of the time in which something ran, from 0 to 1; 0 if there was no time.
    pub fn used(&self) -> f64 {
        let used = self.protected + self.unprotected_internal + self.unprotected_external;
        let all = used + self.empty;
        if all.is_zero() { 0.0 } else { used.as_secs_f64() / all.as_secs_f64() }
    }

    fn add(&mut self, usage: &SlotUsage, time: Duration) {
        let times = |slots: usize| time * u32::try_from(slots).unwrap_or(u32::MAX);
        self.protected += times(usage.protected);
        self.unprotected_internal += times(usage.unprotected_internal);
        self.unprotected_external += times(usage.unprotected_external);
        self.empty += times(usage.empty);
    }
}

impl std::ops::AddAssign for SlotTime {
    fn add_assign(&mut self, other: Self) {
        self.protected += other.protected;
        self.unprotected_internal += other.unprotected_internal;
        self.unprotected_external += other.unprotected_external;
        self.empty += other.empty;
    }
}

impl Timeline {
    /// The timeline of a server of this name and with so many slots.
    pub fn new(server: &str, slots: usize, start: Instant) -> Self {
        let lane = |slot| Lane { server: server.to_owned(), slot, spans: Vec::new(), evictions: Vec::new() };
        let record = Record { lanes: (0..slots).map(lane).collect(), ..Record::default() };
        Self { server: server.to_owned(), start, record: Arc::new(Mutex::new(record)) }
    }

    /// The name of the server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// How the slots are used, as of the last change.
    pub fn usage(&self) -> SlotUsage {
        self.lock().usage
    }

    /// What the slots did up to now.
    pub fn lanes(&self) -> Vec<Lane> {
        let now = self.start.elapsed();
        let record = self.lock();
        let mut lanes = record.lanes.clone();
        for &(slot, span) in record.running.values() {
            lanes[slot].spans[span].end = now;
        }
        lanes
    }

    /// What the time of the slots went to, up to the last change.
    pub fn slot_time(&self) -> SlotTime {
        self.lock().time
    }

    /// How many tasks were stopped for the sake of a request or another family.
    pub fn evictions(&self) -> usize {
        self.lock().evictions
    }

    /// How many requests were begun.
    pub fn requests(&self) -> usize {
        self.lock().requests
    }

    /// How many unprotected tasks ran for all requests, the evicted ones included.
    pub fn all_assistants(&self) -> usize {
        self.lock().assistants.values().map(BTreeSet::len).sum()
    }

    /// How many unprotected tasks ran for a request, the evicted ones included.
    pub fn assistants(&self, request: &str) -> usize {
        self.lock().assistants.get(request).map_or(0, BTreeSet::len)
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Monitor for Timeline {
    fn record(&self, observation: &Observation) {
        let now = self.start.elapsed();
        let mut record = self.lock();
        match observation {
            Observation::Started { task, slot, group, status, .. } => {
                let slot = slot.0 as usize;
                let spans = &mut record.lanes[slot].spans;
                spans.push(Span { start: now, end: now, status: *status, request: group.to_string() });
                let span = spans.len() - 1;
                record.running.insert(*task, (slot, span));
                if *status == SlotStatus::Protected {
                    record.requests += 1;
                } else {
                    record.assistants.entry(Arc::clone(group)).or_default().insert(*task);
                }
            }
            Observation::Stopping { task, reason: StopReason::Evicted | StopReason::Rebalanced, .. } => {
                record.evictions += 1;
                if let Some(&(slot, _)) = record.running.get(task) {
                    record.lanes[slot].evictions.push(now);
                }
            }
            Observation::Finished { task, .. } => {
                if let Some((slot, span)) = record.running.remove(task) {
                    record.lanes[slot].spans[span].end = now;
                }
            }
            Observation::Slots(usage) => {
                let passed = usage.at.saturating_sub(record.usage.at);
                let before = record.usage;
                record.time.add(&before, passed);
                record.usage = *usage;
            }
            _ => {}
        }
    }
}
