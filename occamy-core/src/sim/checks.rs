//! The rules that hold in every state and after every step.
//!
//! Those about actions follow the actions alone, with a [record](Record) of their own; those about states, here, read
//! the [truth](super::truth) and what the scheduler publishes.

mod record;

use std::time::Duration;

use super::truth::{ASK_INTERVAL, Place, Truth};
use super::violation::{Violation, ensure};
use crate::scheduler::{Action, Event, Scheduler};
use crate::{Observation, SlotUsage};
pub(crate) use record::Record;

/// Checks the state after an event.
pub(crate) fn state(
    before: &SlotUsage,
    truth: &Truth,
    scheduler: &Scheduler,
    event: &Event,
    actions: &[Action],
) -> Result<(), Violation> {
    scheduler.check().map_err(|detail| Violation::new("the scheduler's own recount", detail))?;
    published(before, truth, scheduler, actions)?;
    waiting(truth)?;
    nothing_idle(truth)?;
    deadline(truth, scheduler, event)?;
    bounds_in_time(truth, event)
}

/// What is published is what is true, and whenever it changes.
fn published(
    before: &SlotUsage,
    truth: &Truth,
    scheduler: &Scheduler,
    actions: &[Action],
) -> Result<(), Violation> {
    let expected = truth.usage();
    let usage = SlotUsage { at: expected.at, ..scheduler.usage() };
    ensure(usage == expected, "usage", || format!("expected {expected:?}, got {usage:?}"))?;
    ensure(usage.slots() == truth.config.slots, "slot states sum to all slots", || format!("{usage:?}"))?;
    ensure(scheduler.available() == expected.available, "available", || {
        format!("expected {}, got {}", expected.available, scheduler.available())
    })?;
    let mut told = actions.iter().filter_map(|action| match action {
        Action::Observe(Observation::Slots(usage)) => Some(*usage),
        _ => None,
    });
    let told = (told.next(), told.next());
    let changed = SlotUsage { at: before.at, ..expected } != *before;
    let right = if changed { (Some(expected), None) } else { (None, None) };
    ensure(told == right, "usage is published whenever it changes", || {
        format!("{told:?} instead of {right:?}")
    })?;

    let (held, bytes) = truth.offers_held();
    let queued = truth.tasks.iter().filter(|task| task.place == Place::Queued).count();
    let told = actions.iter().rev().find_map(|action| match action {
        Action::Observe(Observation::Offers { queued, held, bytes }) => Some((*queued, *held, *bytes)),
        _ => None,
    });
    ensure(told.is_none_or(|told| told == (queued, held, bytes)), "offers are published", || {
        format!("expected {queued} queued, {held} held, {bytes} bytes, got {told:?}")
    })?;
    let config = &truth.config;
    ensure(held <= config.max_offers && bytes <= config.max_offer_bytes, "bounds of offers", || {
        format!("{held} held, {bytes} bytes")
    })
}

/// Who waits has a slot being freed, and not for longer than a stop may take.
fn waiting(truth: &Truth) -> Result<(), Violation> {
    let (waiting, stopping) = (truth.waiting(), truth.stopping_victims().count());
    ensure(waiting <= stopping, "waiters never outnumber stopping slots", || {
        format!("{waiting} wait, {stopping} are stopping")
    })?;
    ensure(waiting == 0 || truth.empty() == 0, "nobody waits beside an empty slot", || {
        format!("{waiting} wait, {} empty", truth.empty())
    })?;
    ensure(waiting == 0 || truth.leftovers() >= truth.config.eviction_overlap, "overlap", || {
        format!("{waiting} wait, and only {} leftovers", truth.leftovers())
    })?;
    ensure(truth.leftovers() <= truth.config.eviction_overlap, "overlap", || {
        format!("{} leftovers", truth.leftovers())
    })
}

/// No slot is spare that somebody wants.
fn nothing_idle(truth: &Truth) -> Result<(), Violation> {
    if truth.shutting_down() || truth.waiting() > 0 || truth.spare() == 0 {
        return Ok(());
    }
    let idle = |wanted_by: &[u64]| {
        ensure(wanted_by.is_empty(), "no spare slot beside willing work", || {
            format!("{} spare, wanted by {wanted_by:?}", truth.spare())
        })
    };
    idle(&truth.queue())?;
    idle(&truth.willing(false))?;
    idle(&truth.willing(true))
}

/// The scheduler wakes up when it must, and not for nothing.
fn deadline(truth: &Truth, scheduler: &Scheduler, event: &Event) -> Result<(), Violation> {
    let deadline = scheduler.deadline();
    let earliest = truth.timers().map(|(at, _)| at).min();
    let in_time = match (deadline, earliest) {
        (Some(deadline), Some(earliest)) => deadline <= earliest,
        (_, earliest) => earliest.is_none(),
    };
    let next_ask = next_ask(truth);
    let in_time = in_time && (next_ask.is_none() || deadline.is_some() && deadline <= next_ask);
    ensure(in_time, "deadline: not too late", || {
        format!("{deadline:?} instead of {earliest:?} or {next_ask:?}")
    })?;
    let Some(deadline) = deadline else { return Ok(()) };
    if *event == Event::TimePassed {
        ensure(deadline > truth.now, "deadline: not in the past once time has passed", || {
            format!("{deadline:?} at {:?}", truth.now)
        })?;
    }
    let rest_ends = |asked: &Duration| *asked + ASK_INTERVAL == deadline;
    let has_cause = earliest == Some(deadline) || truth.recent_asks.iter().any(rest_ends);
    ensure(has_cause, "deadline: not for nothing", || format!("{deadline:?}, the earliest is {earliest:?}"))
}

/// When a family is to be asked that wants the spare slots and was asked a moment ago.
fn next_ask(truth: &Truth) -> Option<Duration> {
    if truth.shutting_down() || truth.waiting() > 0 || truth.spare() == 0 {
        return None;
    }
    let willing =
        truth.families.iter().filter(|family| family.resting && truth.member_to_ask(family.root).is_some());
    willing.filter_map(|family| family.asked).map(|asked| asked + ASK_INTERVAL).min()
}

/// Nobody waits for longer than the stops may take, and a shutdown ends in time.
fn bounds_in_time(truth: &Truth, event: &Event) -> Result<(), Violation> {
    if *event != Event::TimePassed {
        return Ok(());
    }
    let kill_timeout = truth.config.kill_timeout;
    for task in truth.tasks.iter().filter(|task| task.place == Place::Waiting) {
        let (waited, late) = (truth.now - task.arrived, truth.lag - task.lag_at_arrival);
        let bound = kill_timeout.saturating_mul(1 + task.wedges_seen).saturating_add(late);
        ensure(waited <= bound, "a wait is at most (1 + wedges) kill timeouts", || {
            format!("task {} waits for {waited:?}, {} victims wedged", task.key, task.wedges_seen)
        })?;
    }
    let Some(grace_ends) = truth.grace_ends.filter(|_| !truth.closed) else { return Ok(()) };
    let late = truth.lag - truth.lag_at_shutdown;
    let bound = grace_ends.saturating_add(kill_timeout).saturating_add(late);
    ensure(truth.now <= bound, "closed by grace and kill timeout", || {
        format!("open at {:?}, the grace ended at {grace_ends:?}", truth.now)
    })
}
