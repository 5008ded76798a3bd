//! Rebalancing: on the period's tick, the poorest family that wants more takes one slot of the richest.

use super::Turn;
use crate::scheduler::StopReason;
use crate::sim::coverage::Reached;
use crate::sim::truth::{Kind, Place, Rebalancing};
use crate::sim::violation::Violation;

impl Turn<'_> {
    /// The exchange of a tick: tried at its end, and again whenever one that was asked for it has nothing to give.
    pub(super) fn rebalance(&mut self) -> Result<(), Violation> {
        if self.truth.rebalancing != Rebalancing::Due {
            return Ok(());
        }
        self.truth.rebalancing = Rebalancing::No;
        if self.truth.shutting_down() || self.truth.waiting() > 0 || self.truth.spare() > 0 {
            return Ok(());
        }
        if self.ask_poorest(false)? {
            return Ok(());
        }
        self.purge_expired();
        if let Some(offer) = self.truth.queue().first().copied()
            && let Some(victim) = self.victim_for(offer)
        {
            self.stop(victim, StopReason::Rebalanced, "rebalancing")?;
            self.coverage.reach(Reached::RebalancedForOffer);
            self.truth.rebalancing = Rebalancing::Moving { victim, held: None };
            return Ok(());
        }
        self.ask_poorest(true)?;
        Ok(())
    }

    fn ask_poorest(&mut self, external: bool) -> Result<bool, Violation> {
        let Some(&root) = self.truth.willing(external).first() else { return Ok(false) };
        if self.victim_for(root).is_none() {
            return Ok(false);
        }
        let member = self.truth.member_to_ask(root).expect("a willing family has a member to ask");
        self.ask(root, member, 1, true)?;
        self.truth.rebalancing = Rebalancing::Asking { member };
        Ok(true)
    }

    /// The task that would have to go for this family's sake, if it is poorer than that task's by enough.
    fn victim_for(&self, root: u64) -> Option<u64> {
        let taker = self.truth.family(root);
        if !taker.external
            && let Some(external) = self.truth.victim(true)
        {
            return Some(external.key);
        }
        let victim = self.truth.victim(taker.external)?;
        let giver = self.truth.family(victim.root);
        let enough = self.truth.load(giver.root) * taker.weight > (self.truth.load(root) + 1) * giver.weight;
        enough.then_some(victim.key)
    }

    /// An assistant was created for a slot that has to be freed first. True if one is being freed.
    pub(super) fn make_room_for(&mut self, root: u64, assistant: u64) -> Result<bool, Violation> {
        if self.truth.waiting() > 0 {
            return Ok(false);
        }
        let Some(victim) = self.victim_for(root) else { return Ok(false) };
        self.enter(assistant, root, Kind::Assistant, Place::Held);
        self.stop(victim, StopReason::Rebalanced, "rebalancing")?;
        self.truth.rebalancing = Rebalancing::Moving { victim, held: Some(assistant) };
        Ok(true)
    }
}
