//! What is known of one server: its slots from the monitor, its assistants from themselves.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use occamy_core::scheduler::{StopReason, TaskKey};
use occamy_core::{ErrorKind, Monitor, Observation, SlotStatus, SlotUsage};
use tokio::sync::watch;

/// Only a server that is broken takes so long to get where it is waited for. A lowered victim gets next to nothing of a
/// machine on which others compute as well, and may need many seconds for its last look.
const PATIENCE: Duration = Duration::from_secs(120);

/// Sees what happens on one server, and lets others wait for it.
#[derive(Debug, Default)]
pub(super) struct Witness {
    seen: watch::Sender<Seen>,
    /// The assistants are to end, whatever they make of their stop.
    released: AtomicBool,
}

/// What was seen up to one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) usage: SlotUsage,
    /// How often an assistant was given a slot.
    given: usize,
    /// How often one has begun to compute.
    begun: usize,
    /// How often one has ended.
    ended: usize,
    /// Requests that have ended or were refused.
    pub(super) over: usize,
    /// Victims that are winding down, within their kill timeout.
    pub(super) victims: BTreeSet<TaskKey>,
    /// From stop to end of each victim that has ended.
    pub(super) stops: Vec<Duration>,
    /// How many tasks did not end within the kill timeout.
    pub(super) wedged: usize,
}

impl Seen {
    /// True if this many requests are over, and so many slots are held by assistants that compute.
    pub(super) fn has_settled(&self, held: usize, requests: usize) -> bool {
        self.over == requests
            && self.usage.protected == 0
            && self.usage.unprotected_external == held
            && self.begun == self.given
            && self.given == self.ended + held + self.usage.leftovers
    }

    /// True if this many requests are over, and each of their victims has ended or is past its kill timeout.
    pub(super) fn has_no_victims(&self, requests: usize) -> bool {
        self.over == requests && self.victims.is_empty()
    }

    /// True if no assistant computes, in a slot or beside.
    pub(super) fn is_quiet(&self) -> bool {
        self.given == self.ended
    }
}

impl Witness {
    /// Waits until a condition holds.
    pub(super) async fn until(&self, what: &str, condition: impl Fn(&Seen) -> bool) -> anyhow::Result<()> {
        let mut seen = self.seen.subscribe();
        let waiting = seen.wait_for(condition);
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        waited
            .with_context(|| format!("{what}: waited {PATIENCE:?} in vain"))?
            .context("the witness is gone")?;
        Ok(())
    }

    /// What was seen so far.
    pub(super) fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Lets every assistant end.
    pub(super) fn release(&self) {
        self.released.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_released(&self) -> bool {
        self.released.load(Ordering::Relaxed)
    }

    /// An assistant begins to compute. That it has ended the monitor hears from the server: by then it may be lowered to
    /// idle priority, and must not hold a lock that others wait for.
    pub(super) fn begin(&self) {
        self.seen.send_modify(|seen| seen.begun += 1);
    }
}

impl Monitor for Witness {
    fn record(&self, observation: &Observation) {
        self.seen.send_modify(|seen| match observation {
            Observation::Slots(usage) => seen.usage = *usage,
            Observation::Stopping { task, reason: StopReason::Evicted, .. } => {
                seen.victims.insert(*task);
            }
            Observation::Finished { status: SlotStatus::Protected, .. } => seen.over += 1,
            Observation::Failed { error, .. } if error.kind() == ErrorKind::TaskNotAdded => seen.over += 1,
            Observation::Started { status: SlotStatus::UnprotectedExternal, .. } => seen.given += 1,
            Observation::Finished { task, stopping, .. } => {
                seen.ended += 1;
                if seen.victims.remove(task) {
                    seen.stops.extend(*stopping);
                }
            }
            Observation::Wedged { task, .. } => {
                seen.victims.remove(task);
                seen.wedged += 1;
            }
            _ => {}
        });
    }
}

#[cfg(test)]
mod tests {
    use occamy_core::scheduler::SlotId;

    use super::*;

    fn stopping(task: u64, reason: StopReason) -> Observation {
        Observation::Stopping {
            task: TaskKey(task),
            group: "burner".into(),
            status: SlotStatus::UnprotectedExternal,
            reason,
            ran: Duration::ZERO,
        }
    }

    fn started(task: u64, status: SlotStatus) -> Observation {
        let (slot, group) = (SlotId(0), "burner".into());
        Observation::Started { task: TaskKey(task), slot, id: "".into(), group, status, wait: Duration::ZERO }
    }

    fn finished(task: u64, status: SlotStatus, stopping: Option<u64>) -> Observation {
        Observation::Finished {
            task: TaskKey(task),
            group: "burner".into(),
            status,
            outcome: occamy_core::OutcomeKind::Completed,
            ran: Duration::ZERO,
            stopping: stopping.map(Duration::from_millis),
            reason: stopping.map(|_| StopReason::Evicted),
        }
    }

    #[test]
    fn stop_times_are_those_of_victims_only() {
        let witness = Witness::default();
        let external = SlotStatus::UnprotectedExternal;
        witness.record(&stopping(1, StopReason::Evicted));
        witness.record(&stopping(2, StopReason::ShutDown));
        assert!(!witness.seen().has_no_victims(0));
        witness.record(&finished(1, external, Some(7)));
        witness.record(&finished(2, external, Some(8)));
        witness.record(&finished(3, external, None));
        witness.record(&finished(4, SlotStatus::Protected, None));
        let seen = witness.seen();
        assert_eq!((seen.stops.as_slice(), seen.over), (&[Duration::from_millis(7)][..], 1));
        assert!(seen.has_no_victims(1) && !seen.has_no_victims(2));
    }

    #[test]
    fn a_victim_that_is_wedged_is_waited_for_no_more() {
        let witness = Witness::default();
        witness.record(&stopping(1, StopReason::Evicted));
        let group = "burner".into();
        witness.record(&Observation::Wedged {
            task: TaskKey(1),
            group,
            status: SlotStatus::UnprotectedExternal,
        });
        let error = occamy_core::Error::new(ErrorKind::TaskNotAdded, "no room");
        assert!(!witness.seen().has_no_victims(1), "another may be stopped for the request");
        witness.record(&Observation::Failed { group: "request".into(), error });
        witness.record(&finished(1, SlotStatus::UnprotectedExternal, Some(9)));
        let seen = witness.seen();
        assert!(seen.has_no_victims(1));
        assert_eq!((seen.wedged, seen.stops.len()), (1, 0));
    }

    #[test]
    fn slots_have_settled_when_assistants_hold_them_all_and_compute() {
        let (witness, external) = (Witness::default(), SlotStatus::UnprotectedExternal);
        let mut usage = SlotUsage::default();
        (usage.unprotected_external, usage.leftovers) = (2, 1);
        witness.record(&Observation::Slots(usage));
        for task in 0..3 {
            assert!(!witness.seen().has_settled(2, 0), "not all have a slot");
            witness.record(&started(task, external));
            assert!(!witness.seen().has_settled(2, 0), "one has a slot and has not begun");
            witness.begin();
        }
        assert!(witness.seen().has_settled(2, 0));
        assert!(!witness.seen().has_settled(2, 1), "a request is to come");
        witness.record(&finished(0, external, Some(1)));
        assert!(!witness.seen().has_settled(2, 0), "the slots have not been heard of yet");
        usage.leftovers = 0;
        witness.record(&Observation::Slots(usage));
        assert!(witness.seen().has_settled(2, 0) && !witness.seen().is_quiet());
        for task in 1..3 {
            witness.record(&finished(task, external, None));
        }
        assert!(witness.seen().is_quiet());
    }
}
