//! What the live page shows of one server: a picture of now and of the last ten minutes, kept up to date by observations.

mod lanes;
mod tally;
mod view;
mod window;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use occamy_core::scheduler::{SlotId, TaskKey};
use occamy_core::{BrokerEvent, Error, Observation, SlotStatus, SlotUsage};

use lanes::{Lanes, Use};
use tally::Tally;
pub(crate) use view::{Change, Picture, milliseconds};
use window::Window;

/// The slots that are shown one by one. What more there are is counted, and takes no memory.
pub(crate) const MAX_SLOTS_SHOWN: usize = 4_096;

/// A driver that has not been heard of for so long is stuck: it speaks once a second.
const SILENCE: Duration = Duration::from_secs(10);

/// How many failures are shown, and how much of ids, groups and messages.
const FAILURES: usize = 20;
const MAX_NAME: usize = 120;
const MAX_MESSAGE: usize = 300;

/// One server, as it was observed. All times are since the same moment.
///
/// Whoever brings a request may wait for the lock: what is long is done without it.
pub(crate) struct Live(Mutex<State>);

#[derive(Default)]
struct State {
    usage: SlotUsage,
    /// When its driver was heard of last.
    heard: Option<Duration>,
    connected: Option<bool>,
    slots: Vec<Option<Occupant>>,
    /// Those that have changed since the last tick.
    changed: Vec<bool>,
    places: BTreeMap<TaskKey, usize>,
    lanes: Lanes,
    tally: Tally,
    waits: Window,
    evictions: Window,
    failures: VecDeque<Failure>,
}

/// The task in a slot.
#[derive(Clone, Debug)]
struct Occupant {
    key: TaskKey,
    id: Arc<str>,
    group: Arc<str>,
    status: SlotStatus,
    since: Duration,
    /// It was told to stop.
    stopping: bool,
    /// It did not stop in time.
    wedged: bool,
}

#[derive(Clone, Debug)]
struct Failure {
    at: Duration,
    group: Arc<str>,
    kind: &'static str,
    message: Arc<str>,
}

/// What is wrong with a server, in a few words.
pub(crate) type Complaint = String;

impl Live {
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    pub(crate) fn record(&self, now: Duration, observation: &Observation) {
        self.state().record(now, observation);
    }

    /// Ends a column of the lanes: called once a second.
    pub(crate) fn tick(&self, now: Duration) {
        self.state().lanes.end_column(now);
    }

    /// What has changed since the last call.
    pub(crate) fn changes(&self, name: &str, now: Duration) -> Change {
        self.state().changes(name, now)
    }

    pub(crate) fn picture(&self, name: &str, now: Duration) -> Picture {
        self.state().picture(name, now)
    }

    /// Why its process should be replaced, if it should: nothing that a broker can do is a reason.
    pub(crate) fn dead(&self, now: Duration) -> Option<Complaint> {
        let state = self.state();
        if state.usage.closed {
            return None;
        }
        let silence = now.saturating_sub(state.heard?);
        if silence > SILENCE {
            return Some(format!("its driver has not been heard of for {} s", silence.as_secs()));
        }
        let SlotUsage { healthy, wedged, .. } = state.usage;
        (!healthy).then(|| format!("{wedged} of {} slots are wedged", state.usage.slots()))
    }

    /// Why it takes no requests, if it takes none.
    pub(crate) fn unready(&self, now: Duration) -> Option<Complaint> {
        let dead = self.dead(now);
        let state = self.state();
        match (state.heard, state.connected) {
            _ if state.usage.closed => Some("it is closed".to_owned()),
            _ if state.usage.draining => Some("it is draining".to_owned()),
            (None, _) => Some("it has not started".to_owned()),
            (_, None) => Some("it is not connected with a broker yet".to_owned()),
            (_, Some(false)) => Some("the connection with its broker is lost".to_owned()),
            (_, Some(true)) => dead,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // At worst a lane is drawn wrongly.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("usage", &self.state().usage).finish_non_exhaustive()
    }
}

impl State {
    fn record(&mut self, now: Duration, observation: &Observation) {
        self.tally.count(observation);
        match observation {
            Observation::Slots(usage) => {
                let last = std::mem::replace(&mut self.usage, *usage);
                // What has changed may be told by whoever changed it, though the driver is stuck.
                if self.heard.is_none() || is_unchanged(usage, last) {
                    self.heard = Some(now);
                }
                self.show_slots(usage.slots(), now);
            }
            Observation::Started { task, slot: SlotId(slot), id, group, status, wait } => {
                // Nobody waits for the others.
                if *status == SlotStatus::Protected {
                    self.waits.record(now, *wait);
                }
                let occupant = Occupant {
                    key: *task,
                    id: cut(id, MAX_NAME),
                    group: cut(group, MAX_NAME),
                    status: *status,
                    since: now,
                    stopping: false,
                    wedged: false,
                };
                self.start(now, *slot as usize, occupant);
            }
            Observation::Stopping { task, reason, .. } => {
                if let Some((slot, occupant)) = self.occupant(*task) {
                    occupant.stopping = true;
                    if reason.is_eviction() {
                        self.lanes.mark(slot);
                    }
                    self.changed[slot] = true;
                }
            }
            Observation::Wedged { task, .. } => {
                if let Some((slot, occupant)) = self.occupant(*task) {
                    occupant.wedged = true;
                    self.lanes.switch(now, slot, Use::Wedged);
                    self.changed[slot] = true;
                }
            }
            Observation::Finished { task, stopping, reason, .. } => {
                if let (Some(took), Some(reason)) = (stopping, reason)
                    && reason.is_eviction()
                {
                    self.evictions.record(now, *took);
                }
                self.end(now, *task);
            }
            Observation::Failed { group, error } => self.failed(now, group, error),
            Observation::Broker(event) => match event {
                BrokerEvent::Connected | BrokerEvent::Reconnected => self.connected = Some(true),
                BrokerEvent::Disconnected => self.connected = Some(false),
                _ => {}
            },
            _ => {}
        }
    }

    fn show_slots(&mut self, slots: usize, now: Duration) {
        let shown = slots.min(MAX_SLOTS_SHOWN);
        if self.slots.len() < shown {
            self.slots.resize(shown, None);
            self.changed.resize(shown, true);
            self.lanes.grow(now, shown);
        }
    }

    fn start(&mut self, now: Duration, slot: usize, occupant: Occupant) {
        if slot >= MAX_SLOTS_SHOWN {
            return;
        }
        self.show_slots(slot + 1, now);
        self.lanes.switch(now, slot, Use::Task(occupant.status));
        self.places.insert(occupant.key, slot);
        // Whom it replaces winds down beside the slots, as a leftover.
        if let Some(left) = self.slots[slot].replace(occupant) {
            self.places.remove(&left.key);
        }
        self.changed[slot] = true;
    }

    fn end(&mut self, now: Duration, task: TaskKey) {
        if let Some(slot) = self.places.remove(&task) {
            self.slots[slot] = None;
            self.lanes.switch(now, slot, Use::Task(SlotStatus::Empty));
            self.changed[slot] = true;
        }
    }

    fn occupant(&mut self, task: TaskKey) -> Option<(usize, &mut Occupant)> {
        let slot = *self.places.get(&task)?;
        Some((slot, self.slots[slot].as_mut()?))
    }

    fn failed(&mut self, at: Duration, group: &Arc<str>, error: &Error) {
        if self.failures.len() == FAILURES {
            self.failures.pop_back();
        }
        let (kind, message) = (error.kind().as_str(), cut(&error.message().into(), MAX_MESSAGE));
        self.failures.push_front(Failure { at, group: cut(group, MAX_NAME), kind, message });
    }
}

/// True if only time has passed, which is the driver's own to tell.
fn is_unchanged(usage: &SlotUsage, mut last: SlotUsage) -> bool {
    last.at = usage.at;
    *usage == last
}

/// The first so many characters, and a sign that there were more.
fn cut(text: &Arc<str>, characters: usize) -> Arc<str> {
    match text.char_indices().nth(characters) {
        None => Arc::clone(text),
        Some((end, _)) => format!("{}…", &text[..end]).into(),
    }
}

#[cfg(test)]
mod tests;
