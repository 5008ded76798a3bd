//! Expansion: who is asked, for how many; which offers start; what becomes of an answer.

use super::{Seen, Turn};
use crate::scheduler::{Action, Assistant, DropReason};
use crate::sim::coverage::Reached;
use crate::sim::truth::{Ask, Kind, Place, Rebalancing};
use crate::sim::violation::{Violation, ensure};
use crate::{LateEvent, OfferEnd};

impl Turn<'_> {
    /// Hands out the spare slots: to internal families, then to offers, then to external families.
    pub(super) fn expand(&mut self) -> Result<(), Violation> {
        if self.truth.shutting_down() || self.truth.waiting() > 0 {
            return Ok(());
        }
        self.ask_families(false)?;
        self.start_offers()?;
        self.ask_families(true)
    }

    /// Everybody may be asked again, whatever they answered.
    pub(super) fn round(&mut self) {
        let declined = self.truth.tasks.iter().filter(|task| task.is_running() && task.declined);
        for root in declined.map(|task| task.root).collect::<Vec<_>>() {
            self.truth.touch(root);
        }
        for task in &mut self.truth.tasks {
            task.declined = false;
        }
        self.purge_expired();
    }

    fn ask_families(&mut self, external: bool) -> Result<(), Violation> {
        let spare = self.truth.spare();
        let willing = if spare > 0 { self.truth.willing(external) } else { Vec::new() };
        let Some(level) = self.level(&willing, spare) else { return Ok(()) };
        for root in willing {
            let left = self.truth.spare();
            if left == 0 {
                break;
            }
            let member = self.truth.member_to_ask(root).expect("a willing family has a member to ask");
            let target = (level.0 * self.truth.family(root).weight).div_ceil(level.1);
            let limit = (target.saturating_sub(self.truth.load(root)) as usize).clamp(1, left);
            self.ask(root, member, limit, false)?;
        }
        Ok(())
    }

    /// The share, as a fraction, at which the families would all stand if the poorest among them got the spare slots. No
    /// more families have a part in it than there are slots.
    fn level(&self, poorest_first: &[u64], spare: usize) -> Option<(u64, u64)> {
        let (mut load, mut weight) = (spare as u64, 0);
        let mut level = None;
        for &root in poorest_first.iter().take(spare) {
            let (its_load, its_weight) = (self.truth.load(root), self.truth.family(root).weight);
            if level.is_some_and(|(num, den)| its_load * den >= num * its_weight) {
                break;
            }
            load += its_load;
            weight += its_weight;
            level = Some((load, weight));
        }
        level
    }

    pub(super) fn ask(
        &mut self,
        root: u64,
        member: u64,
        limit: usize,
        to_rebalance: bool,
    ) -> Result<(), Violation> {
        let now = self.truth.now;
        match self.next() {
            Some(&Action::Expand { task, limit: asked }) if task.0 == member => {
                ensure(asked == limit, "expansion limit", || {
                    format!("task {member} is asked for {asked} instead of {limit}")
                })?;
            }
            other => {
                let rule = if to_rebalance { "rebalancing" } else { "no spare slot beside willing work" };
                return Err(Violation::expected(rule, format!("task {member} is asked for {limit}"), other));
            }
        }
        let task = self.truth.task_mut(member).expect("only a known task is asked");
        task.ask = Some(Ask { limit, at: now, to_rebalance, expired: false });
        let family = self.truth.families.iter_mut().find(|family| family.root == root);
        let family = family.expect("a task's family is known");
        (family.asked, family.resting) = (Some(now), true);
        self.truth.recent_asks.push(now);
        if member != root {
            self.coverage.reach(Reached::AssistantAsked);
        }
        Ok(())
    }

    fn start_offers(&mut self) -> Result<(), Violation> {
        if self.truth.spare() > 0 {
            self.purge_expired();
        }
        while self.truth.spare() > 0 {
            let Some(&offer) = self.truth.queue().first() else { break };
            self.start(offer, None, "queued offers by deadline")?;
        }
        Ok(())
    }

    pub(super) fn purge_expired(&mut self) {
        for key in self.truth.queue() {
            let deadline = self.truth.task(key).and_then(|task| task.deadline());
            if deadline.is_some_and(|deadline| deadline <= self.truth.now) {
                self.coverage.reach(Reached::OfferExpired);
                self.ledger.see(Seen::OfferDropped(OfferEnd::Expired));
                self.forget(key, DropReason::Expired);
            }
        }
    }

    pub(super) fn answered(&mut self, key: u64, assistants: &[Assistant]) -> Result<(), Violation> {
        let fresh: Vec<_> = assistants.iter().filter(|assistant| !self.repeated(assistant.task.0)).collect();
        let ask = self.truth.task(key).filter(|task| task.is_running()).and_then(|task| task.ask);
        let Some(ask) = ask else {
            self.refuse_assistants(&fresh);
            self.late(LateEvent::Answer);
            return Ok(());
        };
        let task = self.truth.task_mut(key).expect("it was there a moment ago");
        task.ask = None;
        let root = task.root;
        task.declined = fresh.len() < ask.limit;
        self.truth.touch(root);
        if ask.expired {
            self.coverage.reach(Reached::AnswerAfterExpiry);
        }
        let room = if self.truth.waiting() > 0 { 0 } else { self.truth.spare() };
        let place = fresh.len().min(ask.limit).min(room);
        let (placed, mut rest) = fresh.split_at(place);
        for assistant in placed {
            self.enter(assistant.task.0, root, Kind::Assistant, Place::Held);
            self.start(assistant.task.0, None, "an answer is placed as far as there is room")?;
        }
        if self.truth.rebalancing == (Rebalancing::Asking { member: key }) {
            self.truth.rebalancing = if place > 0 { Rebalancing::No } else { Rebalancing::Due };
            if fresh.is_empty() {
                self.coverage.reach(Reached::RebalancingDeclined);
            } else if place == 0 && self.make_room_for(root, rest[0].task.0)? {
                rest = &rest[1..];
            }
        }
        self.refuse_assistants(rest);
        self.note_answer(fresh.len(), ask.limit, rest.len());
        Ok(())
    }

    /// Assistants that can't be placed.
    fn refuse_assistants(&mut self, assistants: &[&Assistant]) {
        for assistant in assistants {
            self.ledger.drop(assistant.task.0, DropReason::Refused);
        }
        self.ledger.drop_assistants(assistants.len());
    }

    fn note_answer(&mut self, count: usize, limit: usize, dropped: usize) {
        self.coverage.reach(match count {
            0 => Reached::EmptyAnswer,
            _ if count < limit => Reached::ShortAnswer,
            _ if count > limit => Reached::LongAnswer,
            _ if dropped > 0 => Reached::AnswerTrimmed,
            _ => Reached::FullAnswer,
        });
    }

    /// A question to a task that ends or stops will not be answered in time.
    pub(super) fn ask_lapses(&mut self, key: u64) {
        if let Some(task) = self.truth.task_mut(key) {
            task.ask = None;
        }
        self.rebalance_without(key);
    }

    /// A task won't answer any more: if it was asked for the poorest family, the next poorest is sought.
    pub(super) fn rebalance_without(&mut self, key: u64) {
        if self.truth.rebalancing == (Rebalancing::Asking { member: key }) {
            self.truth.rebalancing = Rebalancing::Due;
        }
    }
}
