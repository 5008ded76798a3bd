//! The scheduler: a state machine that decides what runs in which slot, without running anything.

mod action;
mod config;
mod event;

pub use action::{Action, DropReason, SlotId, StopReason};
pub use config::{Config, ConfigError};
pub use event::{Assistant, Event, Offer, Request, TaskKey};

use std::time::Duration;

/// The scheduler. STUB.
#[derive(Clone, Debug)]
pub struct Scheduler;
impl Scheduler {
    /// New.
    pub fn new(_c: Config) -> Result<Self, ConfigError> { todo!() }
    /// Takes an event that happened at `now`, since the server's start.
    pub fn handle(&mut self, _event: Event, _now: Duration) { todo!() }
    /// The next thing to do, if any.
    pub fn poll_action(&mut self) -> Option<Action> { todo!() }
    /// When to call `handle` with `Event::TimePassed` at the latest.
    pub fn deadline(&self) -> Option<Duration> { todo!() }
    /// How many more requests could be given a slot.
    pub fn available(&self) -> usize { todo!() }
}
