//! Shutting down, from the first word to the last.

use std::time::Duration;

use super::ledger::Entry;
use super::{Expected, Seen, Turn};
use crate::OfferEnd;
use crate::scheduler::{Action, DropReason, StopReason};
use crate::sim::coverage::Reached;
use crate::sim::violation::Violation;

impl Turn<'_> {
    pub(super) fn shut_down(&mut self, grace: Duration) -> Result<(), Violation> {
        let ends = self.truth.now.saturating_add(grace);
        match self.truth.grace_ends {
            None => self.begin_shutdown(ends)?,
            Some(before) => {
                self.coverage.reach(Reached::SecondShutdown);
                if ends >= before {
                    return Ok(());
                }
                self.truth.grace_ends = Some(ends);
            }
        }
        if grace.is_zero() { self.end_grace() } else { Ok(()) }
    }

    fn begin_shutdown(&mut self, ends: Duration) -> Result<(), Violation> {
        if self.truth.stopping_victims().count() > 0 {
            self.coverage.reach(Reached::ShutdownDuringEviction);
        }
        self.truth.draining = true;
        self.truth.grace_ends = Some(ends);
        self.truth.lag_at_shutdown = self.truth.lag;
        self.truth.next_tick = None;
        self.drop_held();
        while let Some(waiter) = self.truth.oldest_waiter() {
            self.ledger.settle(waiter, Expected::INTERRUPTED);
            self.forget(waiter, DropReason::Draining);
        }
        for offer in self.truth.queue() {
            self.ledger.see(Seen::OfferDropped(OfferEnd::Draining));
            self.forget(offer, DropReason::Draining);
        }
        for task in &mut self.truth.tasks {
            task.ask = None;
        }
        let unprotected = self.truth.tasks.iter().filter(|task| task.is_candidate()).map(|task| task.key);
        self.stop_all(unprotected.collect())
    }

    pub(super) fn end_grace(&mut self) -> Result<(), Violation> {
        self.truth.grace_over = true;
        let running = self.truth.tasks.iter().filter(|task| task.is_running()).map(|task| task.key);
        self.stop_all(running.collect())
    }

    /// Everything in the list is told to stop, in an order that is left open.
    fn stop_all(&mut self, mut keys: Vec<u64>) -> Result<(), Violation> {
        while !keys.is_empty() {
            match self.next() {
                Some(&Action::Stop { task, reason: StopReason::ShutDown }) if keys.contains(&task.0) => {
                    keys.retain(|&key| key != task.0);
                    self.stopped(task.0, StopReason::ShutDown);
                }
                other => {
                    return Err(Violation::expected("shutdown stops", format!("stops of {keys:?}"), other));
                }
            }
        }
        Ok(())
    }

    /// At the end of an event: nothing that might still end in time is left of a server that shuts down.
    pub(super) fn close(&mut self) {
        let busy = self.truth.tasks.iter().any(|task| task.is_active() && !task.wedged);
        if self.truth.shutting_down() && !self.truth.closed && !busy {
            self.truth.closed = true;
            self.ledger.entries.push(Entry::Closed);
            self.coverage.reach(Reached::Closed);
            if !self.truth.tasks.is_empty() {
                self.coverage.reach(Reached::ClosedDespiteWedged);
            }
        }
    }
}
