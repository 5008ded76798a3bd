//! The moves of a simulated world: how each thing that may happen next is made to happen.

use std::time::Duration;

use super::{Plan, World};
use crate::scheduler::{Assistant, Event, Offer, Request, TaskKey};
use crate::sim::broker::Lease;
use crate::sim::coverage::Reached;
use crate::sim::profile::{Move, Span};
use crate::sim::truth::Place;
use crate::sim::violation::Violation;

impl World {
    pub(super) fn make_move(&mut self, next: Move) -> Result<(), Violation> {
        if next != Move::Advance {
            self.now += self.profile.gap(&mut self.rng, self.unit);
        }
        let at = self.rng.usize(0..self.hosts.len());
        match next {
            Move::Advance => self.advance(),
            Move::Request => self.publish(at),
            Move::RequestBurst => {
                self.burst_left = self.rng.u32(2..12);
                self.publish(at)
            }
            Move::Offer => self.offer(),
            Move::OfferBurst => (0..self.rng.u32(2..8)).try_for_each(|_| self.offer()),
            Move::ExpandNow => self.event(at, Event::ExpandNow),
            Move::TimePassed => self.time_passed(at),
            Move::Withdraw => self.lose_lease(),
            Move::LateWithdrawal => {
                let task = self.any_key(at);
                self.event(at, Event::RequestWithdrawn { task })
            }
            Move::LateEnd => self.late_end(at),
            Move::LateAnswer => {
                let task = self.any_key(at);
                let amount = self.rng.usize(0..4);
                let assistants = self.assistants(at, amount);
                self.event(at, Event::Expanded { task, assistants })
            }
            Move::RepeatedArrival => self.repeated_arrival(at),
            Move::Jump => {
                let jump = self.span(Span::Long);
                self.now += jump;
                self.time_passed(at)
            }
            Move::Backwards => {
                let back = self.span(Span::Some);
                let then = self.hosts[at].time(self.now).saturating_sub(back);
                let event = if self.rng.bool() { Event::TimePassed } else { Event::ExpandNow };
                self.event_at(at, &event, then)
            }
            Move::Drain => self.event(at, Event::Drain),
            Move::ShutDown => {
                let grace = match self.rng.u32(0..6) {
                    0 => Duration::ZERO,
                    1 => Duration::MAX,
                    2 => self.span(Span::Part),
                    _ => self.span(Span::Some),
                };
                self.event(at, Event::ShutDown { grace })
            }
        }
    }

    /// Goes on to whatever is due next: a plan, a timer, or a message that a server has room for.
    pub(super) fn advance(&mut self) -> Result<(), Violation> {
        if self.broker.next_ready().is_some_and(|ready| ready <= self.now)
            && let Some(at) = self.host_with_room()
        {
            return self.deliver(at);
        }
        let timer = self.next_timer();
        let plan = self.agenda.next();
        let ready = self.broker.next_ready().filter(|&ready| ready > self.now);
        let next = [timer.map(|(at, _)| at), plan, ready].into_iter().flatten().min();
        let Some(next) = next else { return self.publish(0) };
        self.now = self.now.max(next);
        match timer {
            Some((due, at)) if due <= self.now && plan.is_none_or(|plan| due <= plan) => self.time_passed(at),
            _ if plan.is_some_and(|plan| plan <= self.now) => self.carry_on(),
            _ => Ok(()),
        }
    }

    /// When the next timer of any server is handled, which may be later than it is due.
    fn next_timer(&mut self) -> Option<(Duration, usize)> {
        let deadlines = self.hosts.iter().enumerate().filter_map(|(at, host)| Some((host.deadline()?, at)));
        let (due, at) = deadlines.min()?;
        let late = self.chance(self.profile.late_timers);
        let late = if late { self.span(Span::Some) } else { Duration::ZERO };
        Some((due.saturating_add(late), at))
    }

    fn time_passed(&mut self, at: usize) -> Result<(), Violation> {
        let truth = &self.hosts[at].bench.truth;
        let now = self.hosts[at].time(self.now);
        if truth.timers().filter(|&(due, _)| due <= now).count() >= 3 {
            self.coverage.reach(Reached::ManyTimersAtOnce);
        }
        self.event(at, Event::TimePassed)
    }

    /// A task does what it had planned.
    fn carry_on(&mut self) -> Result<(), Violation> {
        let Some((server, plan)) = self.agenda.pop() else { return Ok(()) };
        let Some(at) = self.hosts.iter().position(|host| host.id == server) else { return Ok(()) };
        match plan {
            Plan::End { key, plan } => {
                let Some(run) = self.hosts[at].runs.get(&key).filter(|run| run.plan == plan) else {
                    return Ok(());
                };
                let stopped = run.stopped;
                self.hosts[at].runs.remove(&key);
                if self.chance(self.profile.repeated) {
                    let again = self.now + self.span(Span::Part);
                    self.agenda.add(again, server, Plan::EndAgain { key });
                }
                let outcome = self.outcome(stopped);
                self.event(at, Event::Finished { task: TaskKey(key), outcome })
            }
            Plan::EndAgain { key } => {
                let outcome = self.outcome(false);
                self.event(at, Event::Finished { task: TaskKey(key), outcome })
            }
            Plan::Answer { key, amount } => {
                let assistants = self.assistants(at, amount);
                self.event(at, Event::Expanded { task: TaskKey(key), assistants })
            }
        }
    }

    fn assistants(&mut self, at: usize, amount: usize) -> Vec<Assistant> {
        let repeated = self.chance(self.profile.repeated);
        let host = &mut self.hosts[at];
        let mut assistants = Vec::with_capacity(amount);
        for _ in 0..amount {
            let task = TaskKey(host.new_key());
            assistants.push(Assistant {
                task,
                id: "".into(),
                group: self.groups[self.rng.usize(0..3)].clone(),
            });
        }
        if repeated && let Some(first) = assistants.first_mut() {
            first.task.0 = self.rng.u64(1..=first.task.0);
        }
        assistants
    }

    fn publish(&mut self, at: usize) -> Result<(), Violation> {
        // Beyond this the broker only grows, and nothing new is reached.
        const PLENTY: usize = 60;
        if !self.quiet && self.broker.len() < PLENTY {
            self.broker.publish(self.now);
        }
        if self.chance(self.profile.pushed) {
            return self.deliver(at);
        }
        match self.host_with_room() {
            Some(at) => self.deliver(at),
            None => Ok(()),
        }
    }

    fn host_with_room(&mut self) -> Option<usize> {
        let first = self.rng.usize(0..self.hosts.len());
        let order = (first..self.hosts.len()).chain(0..first);
        order.into_iter().find(|&at| self.hosts[at].available() > 0)
    }

    fn deliver(&mut self, at: usize) -> Result<(), Violation> {
        let key = self.hosts[at].new_key();
        let lease = Lease { server: self.hosts[at].id, key };
        let Some(attempt) = self.broker.deliver(self.now, lease) else { return Ok(()) };
        let limited = self.chance(self.profile.max_run);
        let request = Request {
            id: "".into(),
            group: self.groups[self.rng.usize(0..3)].clone(),
            weight: self.profile.weight(&mut self.rng),
            max_run: limited.then(|| {
                let span = if self.rng.bool() { Span::Part } else { Span::Some };
                self.span(span).max(Duration::from_nanos(1))
            }),
            attempt,
            handling: Duration::ZERO,
        };
        self.event(at, Event::RequestArrived { task: TaskKey(key), request })
    }

    /// A control message that offers work goes to every server.
    fn offer(&mut self) -> Result<(), Violation> {
        let bytes = self.rng.usize(0..150);
        for at in 0..self.hosts.len() {
            let weight = self.profile.weight(&mut self.rng);
            let now = self.hosts[at].time(self.now);
            let deadline = self.chance(self.profile.offer_deadline).then(|| match self.rng.u32(0..8) {
                0 => now.saturating_sub(self.span(Span::Part)),
                _ => now + self.span(Span::Some),
            });
            let group = self.groups[self.rng.usize(0..3)].clone();
            let task = TaskKey(self.hosts[at].new_key());
            self.event(
                at,
                Event::OfferArrived { task, offer: Offer { id: "".into(), group, weight, deadline, bytes } },
            )?;
        }
        Ok(())
    }

    /// The broker gives a message to somebody else, though its server did nothing wrong.
    fn lose_lease(&mut self) -> Result<(), Violation> {
        let waiting: Vec<_> = (0..self.hosts.len())
            .filter_map(|at| self.hosts[at].bench.truth.oldest_waiter().map(|key| (at, key)))
            .collect();
        let nth = self.rng.usize(0..1000);
        let lease = match waiting.first() {
            Some(&(at, key)) if self.rng.bool() => Some(Lease { server: self.hosts[at].id, key }),
            _ => self.broker.lease(nth),
        };
        let Some(lease) = lease else { return Ok(()) };
        let Some(at) = self.hosts.iter().position(|host| host.id == lease.server) else { return Ok(()) };
        self.broker.lose(lease, self.now);
        if self.hosts[at].bench.truth.task(lease.key).is_some_and(|task| task.place != Place::Waiting) {
            self.coverage.reach(Reached::LeaseLost);
        }
        self.event(at, Event::RequestWithdrawn { task: TaskKey(lease.key) })
    }

    /// The end of any task, whether it runs or not.
    fn late_end(&mut self, at: usize) -> Result<(), Violation> {
        let task = self.any_key(at);
        self.hosts[at].runs.remove(&task.0);
        let outcome = self.outcome(false);
        self.event(at, Event::Finished { task, outcome })
    }

    fn repeated_arrival(&mut self, at: usize) -> Result<(), Violation> {
        let task = TaskKey(self.rng.u64(0..=self.hosts[at].greatest_key()));
        let (group, weight) = (self.groups[0].clone(), self.profile.weight(&mut self.rng));
        let event = if self.rng.bool() {
            Event::RequestArrived {
                task,
                request: Request {
                    id: "".into(),
                    group,
                    weight,
                    max_run: None,
                    attempt: 1,
                    handling: Duration::ZERO,
                },
            }
        } else {
            Event::OfferArrived {
                task,
                offer: Offer { id: "".into(), group, weight, deadline: None, bytes: 1 },
            }
        };
        self.event(at, event)
    }

    /// The key of a task that was, or is, or never will be.
    fn any_key(&mut self, at: usize) -> TaskKey {
        TaskKey(self.rng.u64(0..=self.hosts[at].greatest_key() + 1))
    }
}
