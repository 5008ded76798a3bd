//! The slots: how they are used, and what their time went to.

use std::sync::{Mutex, PoisonError};

use metrics::{Counter, Gauge};
use occamy_core::{SlotStatus, SlotUsage};

use crate::labelled::Labelled;
use crate::names::{self, WEDGED};
use crate::registrar::Registrar;
use crate::seconds::Seconds;

#[derive(Debug)]
pub(crate) struct Slots {
    all: Gauge,
    used: Labelled<SlotStatus, Gauge>,
    available: Gauge,
    wedged: Gauge,
    draining: Gauge,
    time: Mutex<Time>,
}

/// What the time of the slots went to so far.
#[derive(Debug)]
struct Time {
    by_status: [(SlotStatus, Seconds); SlotStatus::ALL.len()],
    wedged: Seconds,
    /// How the slots are used since `at`. No slots before the first time.
    since: SlotUsage,
}

impl Slots {
    pub(crate) fn new(registrar: &Registrar) -> Self {
        Self {
            all: registrar.gauge(&names::SLOTS, []),
            used: Labelled::new(&SlotStatus::ALL, |status| {
                registrar.gauge(&names::SLOTS_USED, [status.as_str().into()])
            }),
            available: registrar.gauge(&names::SLOTS_AVAILABLE, []),
            wedged: registrar.gauge(&names::WEDGED_SLOTS, []),
            draining: registrar.gauge(&names::DRAINING, []),
            time: Mutex::new(Time::new(|status: &'static str| {
                registrar.counter(&names::SLOT_SECONDS, [status.into()])
            })),
        }
    }

    pub(crate) fn set(&self, usage: &SlotUsage) {
        self.all.set(count(usage.slots()));
        for status in SlotStatus::ALL {
            if let Some(used) = self.used.get(status) {
                used.set(count(usage.with_status(status)));
            }
        }
        self.available.set(count(usage.available));
        self.wedged.set(count(usage.wedged));
        self.draining.set(f64::from(u8::from(usage.draining)));
        // What is added up is sound after each step.
        self.time.lock().unwrap_or_else(PoisonError::into_inner).pass(usage);
    }
}

impl Time {
    fn new(counter: impl Fn(&'static str) -> Counter) -> Self {
        Self {
            by_status: SlotStatus::ALL.map(|status| (status, Seconds::new(counter(status.as_str())))),
            wedged: Seconds::new(counter(WEDGED)),
            since: SlotUsage::default(),
        }
    }

    /// From what was told last until now the slots were used as they were then. After its end a server has no slots
    /// whose time could go anywhere.
    fn pass(&mut self, usage: &SlotUsage) {
        let last = std::mem::replace(&mut self.since, *usage);
        self.since.at = usage.at.max(last.at);
        if last.closed {
            return;
        }
        let passed = self.since.at - last.at;
        for (status, seconds) in &mut self.by_status {
            seconds.add(passed, last.with_status(*status));
        }
        self.wedged.add(passed, last.wedged);
    }
}

/// A number of slots, which is exact as a float.
#[expect(clippy::cast_precision_loss, reason = "slots are at most 2^20")]
fn count(slots: usize) -> f64 {
    slots as f64
}
