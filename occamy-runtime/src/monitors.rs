//! Telling the monitors, in order and with no lock of the desk held.

use std::sync::{Arc, TryLockError};

use occamy_core::{ErrorKind, Monitor, Observation};

use crate::caught::{bury, caught};
use crate::shared::Shared;
use crate::sync::{Mutex, MutexGuard};

/// The user's monitor, and the turn to tell it.
pub(crate) struct Monitors {
    monitor: Box<dyn Monitor>,
    /// Held by the one thread that is telling. The others leave what they bring in the queue, and don't wait.
    turn: Mutex<()>,
}

impl Monitors {
    pub(crate) fn new(monitor: Box<dyn Monitor>) -> Self {
        Self { monitor, turn: Mutex::new(()) }
    }

    /// The turn to tell, unless another thread has it.
    fn take_turn(&self) -> Option<MutexGuard<'_, ()>> {
        match self.turn.try_lock() {
            Ok(turn) => Some(turn),
            Err(TryLockError::Poisoned(turn)) => Some(turn.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn tell(&self, observation: &Observation, server: &Arc<str>) {
        // To log an error is to print its source, which is the user's.
        for told in [
            caught(ErrorKind::UnknownHandler, || log(observation, server)),
            caught(ErrorKind::UnknownHandler, || self.monitor.record(observation)),
        ] {
            if let Err(panic) = told {
                tracing::error!(%server, error = %panic, "the monitor, or the log, panicked");
            }
        }
    }
}

impl Shared {
    /// Tells what is in the queue, unless another thread is at it: that one looks again when it is done.
    pub(crate) fn tell_monitors(self: &Arc<Self>) {
        if self.tell_queued() {
            self.go_on_telling();
        }
    }

    /// The same, with more to put at the end of the queue.
    pub(crate) fn tell_monitors_of(self: &Arc<Self>, more: Vec<Observation>) {
        if let Some(turn) = self.monitors.take_turn() {
            self.tell_batch(turn, more);
            self.go_on_telling();
        } else {
            // Left first, and then looked once more: or the other might be done before it was there.
            self.desk.observe_all(more);
            self.tell_monitors();
        }
    }

    /// What came in meanwhile is left to a future: or whoever brought a message could be kept here for as long as others
    /// bring more.
    fn go_on_telling(self: &Arc<Self>) {
        if self.desk.has_observations() {
            let shared = Arc::clone(self);
            self.runtime.spawn(async move {
                while shared.tell_queued() {
                    tokio::task::yield_now().await;
                }
            });
        }
    }

    /// Tells what is in the queue now. False if that is nothing, or another thread is at it.
    fn tell_queued(&self) -> bool {
        let turn = if self.desk.has_observations() { self.monitors.take_turn() } else { None };
        turn.map(|turn| self.tell_batch(turn, Vec::new())).is_some()
    }

    /// Tells what is in the queue now, and then more.
    fn tell_batch(&self, turn: MutexGuard<'_, ()>, more: Vec<Observation>) {
        for observation in self.desk.take_observations(more) {
            self.monitors.tell(&observation, &self.settings.name);
            bury(observation);
        }
        drop(turn);
    }
}

/// Whoever tells may be in the span of a task that has nothing to do with it.
fn log(observation: &Observation, server: &Arc<str>) {
    match observation {
        Observation::Failed { group, error } => {
            let source = std::error::Error::source(error).map(tracing::field::display);
            tracing::warn!(parent: None, %server, %group, kind = error.kind().as_str(), source, "{}", error.message());
        }
        Observation::OfferDropped { group, end } => {
            tracing::debug!(parent: None, %server, %group, end = end.as_str(), "an offer was dropped");
        }
        Observation::ControlMessagesDropped { count } => {
            tracing::warn!(parent: None, %server, count, "a mailbox was full, and its oldest control messages were dropped");
        }
        Observation::Broker(event) => tracing::info!(parent: None, %server, ?event, "broker"),
        _ => {}
    }
}
